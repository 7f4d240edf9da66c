"""What strangers and hostile people try, over everything there is: `make security` prints the figures."""
