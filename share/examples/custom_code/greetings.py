"""Every kernel runs this file before it is ready: what it defines is there in each session, and again after a restart."""


def greet(name):
    return f"Hello, {name}!"
