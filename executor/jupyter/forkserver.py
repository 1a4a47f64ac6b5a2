"""The fork server of executor-jupyter: one Python that has imported ipykernel, from which each kernel is forked.

It is built into executor-jupyter, which starts it with the kernelspec's own interpreter and speaks to it over descriptor 3, a
socket that keeps messages apart: this source; the words for it in JSON; then for each kernel one byte and three
descriptors (a pipe that holds the kernel's settings, its stdout, its stderr).  It answers "ready" or "failed: why" once, then
the pid of each kernel.  It runs no code but its own and what is preloaded, never has a thread or a ZeroMQ context, and never
sees a kernel's key, which the kernel itself reads from the pipe.

A kernel is forked twice, so that it is the executor's own child (a subreaper): its exit status is told to the executor as
that of any kernel, and SIGKILL comes to it when the executor dies.  What is forked is not dumpable: code that runs as the same
user can read neither its memory and environment nor its descriptors.  A kernel at work is as a plain one is.
"""
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import signal
import sys
import time
import warnings

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
ZMQ_IPC_FILTER_PID = 58  # zmq.h
PLACE = "/proc"         # where it and spares are: nobody can make files there, nor have them imported
ADOPT = "execmgr_adopt"  # the message with which a spare takes over: an execute_request takes twice the time
OOM_SCORE_ADJ = "300"   # as kernel.c gives to plain kernels; a process that is not dumpable cannot be given it later


def prctl(option, value):
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


# ---- the server ----

def close_to_others():
    try:
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write(OOM_SCORE_ADJ)
    except OSError:
        pass
    prctl(PR_SET_DUMPABLE, 0)
    os.chdir(PLACE)


def load(preload):
    gc.disable()
    sys.modules["debugpy"] = None       # the debugger that ipykernel would load costs a second and is not used here
    try:
        for name in ("kernelapp", "ipkernel", "zmqshell", "debugger", "iostream", "control", "parentpoller"):
            importlib.import_module("ipykernel." + name)
    finally:
        del sys.modules["debugpy"]
    for name in ("IPython.core.completerlib", "faulthandler", "subprocess", "codecs"):
        importlib.import_module(name)
    for name in preload:
        try:
            importlib.import_module(name)
        except BaseException as e:
            raise RuntimeError("preload %s: %s: %s" % (name, type(e).__name__, e))
    threading = sys.modules["threading"]
    if threading.active_count() > 1:
        raise RuntimeError("preload %s: it started threads" % ",".join(preload))


def fork_in_the_middle(w):
    """In the process between: fork the kernel, tell its pid, end.  Returns in the kernel only."""
    try:
        pid = os.fork()
    except OSError:
        os._exit(1)
    if pid == 0:
        os.setsid()
        return
    os.write(w, b"%d" % pid)
    os._exit(0)


def fork_away():
    """Fork a process that is not this one's child.  Its pid; 0 in it.  OSError, ValueError: it cannot be."""
    r, w = os.pipe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)     # of a preload's native threads, which know about fork
            middle = os.fork()
            if middle == 0:
                fork_in_the_middle(w)
                return 0
        os.close(w)
        w = -1
        text = os.read(r, 16)
        os.waitpid(middle, 0)
        return int(text)
    finally:
        os.close(r)
        if w >= 0:
            os.close(w)


def serve(sock, preload):
    """Returns in each kernel, with its descriptors."""
    import socket

    try:
        load(preload)
    except BaseException as e:
        sock.send(("failed: %s" % (e if str(e) else type(e).__name__)).encode(errors="replace")[:1000])
        os._exit(1)
    gc.collect()
    gc.freeze()                 # what is there is garbage to nobody: a collection would unshare the pages it is on
    sock.send(b"ready")
    while True:
        data, fds, _, _ = socket.recv_fds(sock, 1, 3)
        if not data:            # the executor has let go
            os._exit(0)
        try:
            pid = fork_away()
        except (OSError, ValueError):
            pid = -1
        if pid == 0:
            sock.close()
            return fds
        for fd in fds:
            os.close(fd)
        sock.send(b"%d" % pid)


# ---- a kernel ----

def settings(fds):
    os.dup2(fds[1], 1)
    os.dup2(fds[2], 2)
    with open(fds[0], "rb") as f:
        conf = json.loads(f.read())
    for fd in fds[1:]:
        os.close(fd)
    return conf


def belong_to(executor):
    for _ in range(5000):
        if os.getppid() == executor:
            break
        time.sleep(0.001)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != executor:
        os._exit(127)


def reseed():
    """What was drawn before the fork must not be drawn again.  random and tempfile see to it themselves, as does OpenSSL."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random:
        numpy_random.seed()
    process = sys.modules.get("multiprocessing.process")
    if process:
        process.current_process()._config["authkey"] = process.AuthenticationString(os.urandom(32))


def be_as_started(conf):
    """As `python -m ipykernel_launcher -f FILE` would find itself."""
    words = ["-f", conf["connection_file"]] + ["--%s.%s=%s" % option for option in OPTIONS]
    sys.argv = [importlib.util.find_spec("ipykernel_launcher").origin] + words
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = conf["argv"] + ["-m", "ipykernel_launcher"] + words
    if not getattr(sys.flags, "safe_path", False) and not sys.flags.isolated:
        sys.path.insert(0, conf["work_dir"])
    os.environ.update(conf["env"])
    gc.enable()


# What ipykernel's capture of descriptors 1 and 2 and the history database are for: see process.c.
OPTIONS = (("IPKernelApp", "capture_fd_output", False), ("HistoryManager", "enabled", False))


def make_app(conf):
    from IPython.core.profiledir import ProfileDir
    from ipykernel.kernelapp import IPKernelApp
    from traitlets import observe
    from traitlets.config import Config

    class Profile(ProfileDir):
        """Names, without the directories: nothing is read from there, since nothing can be in a new one."""
        @observe("location")
        def _location_changed(self, change):
            for name in ("security", "log", "startup", "pid", "static"):
                setattr(self, name + "_dir", os.path.join(change["new"], getattr(self, name + "_dir_name")))

        def _mkdir(self, path, mode=None):
            return False

        def check_startup_dir(self, change=None):
            pass

    class ForkedKernelApp(IPKernelApp):
        @observe("ipython_dir")
        def _ipython_dir_changed(self, change):         # would make it, and take the cwd out of sys.path
            pass

        def parse_command_line(self, argv=None):
            self.update_config(Config({section: {name: value} for section, name, value in OPTIONS}))

        def init_profile_dir(self):
            self.ipython_dir = conf["env"]["IPYTHONDIR"]
            self.profile_dir = Profile(location=os.path.join(self.ipython_dir, "profile_default"), parent=self)
            self.config_file_paths = []         # the system's are added to it

        def init_connection_file(self):
            self.connection_file = conf["connection_file"]
            self.load_connection_info(conf["connection"])

        def _bind_socket(self, s, port):
            """Others than the executor, and ipykernel's own connection, are turned away before they can say a word."""
            if self.transport == "ipc":
                s.setsockopt(ZMQ_IPC_FILTER_PID, conf["executor"])
                s.setsockopt(ZMQ_IPC_FILTER_PID, os.getpid())
            return super()._bind_socket(s, port)

        def init_heartbeat(self):               # nobody listens to it: a process that ends is seen by its parent
            pass

        def write_connection_file(self, **kwargs):
            pass

        def log_connection_info(self):
            pass

    app = ForkedKernelApp.instance()
    app.log.addFilter(lambda record: "debugpy_stream" not in str(record.msg))   # that it is left out is no news
    return app


def make_profile(shell, database):
    """What Profile and the shell's start left out."""
    profile = shell.profile_dir
    for path in (profile.location, profile.security_dir, profile.log_dir, profile.startup_dir, profile.pid_dir):
        os.makedirs(path, 0o700, exist_ok=True)
    if database:
        shell.db = database(os.path.join(profile.location, "db"))


def begin_work(conf, shell, database):
    """The directories are there: a plain kernel begins here."""
    work = conf["work_dir"]
    os.chdir(work)
    sys.path_importer_cache.pop(work, None)
    shell.starting_dir = work
    shell.history_manager.dir_hist[:] = [type(d)(work) for d in shell.history_manager.dir_hist]
    process = sys.modules.get("multiprocessing.process")
    if process:
        process.ORIGINAL_DIR = work
    make_profile(shell, database)
    prctl(PR_SET_DUMPABLE, 1)


def initialize(app, conf):
    """Start it without the directories that IPython would make.  What it keeps in one of them: to be made later."""
    import IPython.core.interactiveshell as module

    instead = {
        "PickleShareDB": lambda path: {},
        "ensure_dir_exists": lambda path, mode=0: None,
        "get_ipython_dir": lambda: conf["env"]["IPYTHONDIR"],
    }
    usual = {name: getattr(module, name) for name in instead if hasattr(module, name)}
    for name in usual:
        setattr(module, name, instead[name])
    app.initialize([])
    for name in usual:
        setattr(module, name, usual[name])
    return usual.get("PickleShareDB")


def run_kernel(conf):
    if conf["nice"]:
        os.setpriority(os.PRIO_PROCESS, 0, conf["nice"])
    if not conf["is_spare"]:
        os.chdir(conf["work_dir"])
    app = make_app(conf)
    database = initialize(app, conf)
    kernel, shell = app.kernel, app.shell
    if conf["is_spare"]:
        def adopt(stream, ident, parent):
            del kernel.shell_handlers[ADOPT]
            status = "ok"
            try:
                begin_work(conf, shell, database)
            except Exception as e:
                status = repr(e)
            kernel.session.send(stream, ADOPT + "_reply", {"status": status}, parent, ident=ident)
        kernel.shell_handlers[ADOPT] = adopt
    else:
        begin_work(conf, shell, database)
    return app


def main():
    if sys.path and sys.path[0] == "" and not getattr(sys.flags, "safe_path", False):
        del sys.path[0]         # as ipykernel_launcher does, before anything is imported from there
    close_to_others()
    sock = globals()["sock"]    # of the line that has run this source
    conf = json.loads(sock.recv(1 << 16))
    fds = serve(sock, conf["preload"])
    conf = settings(fds)
    belong_to(conf["executor"])
    reseed()
    be_as_started(conf)
    return run_kernel(conf)


main().start()
