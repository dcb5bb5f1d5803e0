"""Everything below the firmware, loaded before it: what the chip has in ROM or in C must not count."""

import _host  # first: it puts the task queue of the stand-ins below asyncio
import asyncio
import errno
import hashlib
import json
import random
import re
import select
import socket
import ssl
import struct
import sys
import time
import tls
from binascii import crc32

import _hw
import _hx711
import _uart
import esp32
import machine
import micropython
import network
import os
