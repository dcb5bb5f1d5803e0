"""Small tables of real data and the script that made them; see README.md here. No other code."""
