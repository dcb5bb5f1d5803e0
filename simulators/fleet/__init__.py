"""Many units at once, in real time: one asyncio process holds their worlds, each interpreter is a child
process."""
