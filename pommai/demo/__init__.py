"""The demo: a gateway and a toy in processes of their own, a scripted child, and a screen that shows what happens."""
