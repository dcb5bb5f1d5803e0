"""How records leave: the MQTT session and the window (pure), the network, time from it, and the task that
drives them.
"""
