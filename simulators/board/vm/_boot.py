"""What runs when the simulated chip's supply comes on: the boot ROM, so to say. Then the firmware's `main`.

    micropython -m _boot <fd in> <fd out>

Exit status 0: the chip has reset, run the interpreter again (fidelity *full*); 3: the world is gone.
"""

import random
import sys

import _hw
import _tasks

sys.modules["_asyncio"] = _tasks


def _main():
    _hw.attach(int(sys.argv[1]), int(sys.argv[2]))
    while True:
        try:
            _hw.boot()
            random.seed(_hw.config["seed"] * 65537 + _hw.state["boot"])
            if _hw.config["fidelity"] == "fast" and "_fast" not in sys.modules:
                import _fast

                _fast.install()
            __import__("main")
            _halt("main returned")
        except _hw.Reset:
            pass
        except SystemExit as e:
            if e.args and e.args[0] == 3:
                raise e  # noqa: TRY201 (machine code has no bare raise)
            _halt("the firmware called sys.exit")
        except BaseException as e:  # on the chip: a traceback on the console, then the prompt
            sys.print_exception(e, sys.stderr)
            _halt("%s: %s" % (type(e).__name__, e))
        if _hw.config["fidelity"] == "full":
            flash = sys.modules.get("esp32")
            if flash is not None:
                flash.release()
            sys.exit(0)
        # Modules stay (that is what the lesser fidelities save), state of the chip and of the scheduler does
        # not.
        sys.modules.pop("main", None)
        core = sys.modules.get("asyncio.core")
        if core is not None:
            core.cur_task = None
            core.new_event_loop()


def _halt(why):
    # The interpreter's prompt: nothing happens any more unless the watchdog bites.
    try:
        _hw.send(72, why.encode()[:400])
        while True:
            _hw.wait(_hw.FOREVER)
    except _hw.Reset:
        pass


_main()
