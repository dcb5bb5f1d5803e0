"""Which parts a unit has and what it does with them: the bin, the truck, and what they share."""
