"""The rendered sample benchmark: all eight official layouts from one small scene generator."""
