# Runs moto's server on a free port of the loopback interface, with its Step
# Functions interpreter switched on. It ends when its standard input does, so it
# never outlives the test that started it.
#
# MOTO_PORT is where the interpreter looks for AWS Lambda: the test's own server.
import os
import sys
import threading

from moto.core.config import default_user_config
from moto.server import main

default_user_config["stepfunctions"]["execute_state_machine"] = True


def end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_stdin, daemon=True).start()
main(["-H", "127.0.0.1", "-p", "0"])
