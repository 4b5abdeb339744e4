"""Generated inputs, and checks of the answers to them."""
