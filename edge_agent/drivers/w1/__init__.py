"""1-wire thermometers, by the kernel's w1 bus."""
