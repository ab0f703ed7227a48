"""MicroPython's module network: a station that is on the air at once."""

STA_IF = 0


def hostname(name):
    print("network.hostname", name)


class WLAN:
    def __init__(self, interface):
        self.on = False

    def active(self, on):
        self.on = on

    def connect(self, ssid, password):
        print("network.WLAN.connect", ssid)

    def disconnect(self):
        pass

    def isconnected(self):
        return self.on
