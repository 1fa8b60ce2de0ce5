"""The room's window: HTTP actions and news. It shows and passes on, it judges nothing."""
