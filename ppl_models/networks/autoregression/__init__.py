"""Laws whose entries are drawn one after another: masked networks, NADE, orders of entries."""
