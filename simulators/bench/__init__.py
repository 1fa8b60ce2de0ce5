"""The test bench as a product: whole rooms of simulated devices and the programs that use them."""
