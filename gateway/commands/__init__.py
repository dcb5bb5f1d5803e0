"""What people ask of devices: commands and settings, signed when they are asked for, kept in commands.db,
sent by intake, and joined with the replies that it journals.

`catalogue` knows which there are, `keys` signs, `store` keeps, `reader` is for whoever only looks, `model`
says what a reply means, `dispatch` decides what to send when, `standdown` is for a store from a backup. The
keys are read where somebody asks (`huishou device`), never by intake.
"""
