"""Recipes and training of the learned trackers. Nothing outside imports it except the commands that train."""
