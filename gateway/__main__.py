"""`python -m gateway` is `huishou`: how the gateway starts its own processes, whatever is on PATH."""

from gateway.cli import main

if __name__ == "__main__":
    main()
