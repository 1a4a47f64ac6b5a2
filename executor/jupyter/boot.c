/* boot - what ipykernel is told in itself before it is ready; see boot.h. */
#include "base/json.h"
#include "boot.h"

/*
 * Each step stands alone: where an ipykernel differs, that step is left out and the kernel works as it would without.
 * OutStream.write: a buffer sent in pieces of PIECE characters keeps a flood from becoming one message of its whole size, and
 * flush() waits for the sending thread, which ZMQ_XPUB_NODROP makes wait for us: the flood is held back where it springs.
 * ask_exit: "exit()" ends the code as sys.exit() does, where ipykernel would go on and take all state away a moment later.
 */
static const char python[] =
"def _execmgr_boot(workspace, token):\n"
"    import codecs, itertools, os, subprocess, sys\n"
"    from IPython import get_ipython\n"
"    PIECE = 1 << 20\n"
"    shell = get_ipython()\n"
"    kernel = shell.kernel\n"
"\n"
"    def step(f):\n"
"        try:\n"
"            f()\n"
"        except Exception as e:\n"
"            os.write(2, ('start-up step %s left out: %r\\n' % (f.__name__, e)).encode())\n"
"\n"
"    def flush():\n"
"        try:\n"
"            sys.stdout.flush()\n"
"            sys.stderr.flush()\n"
"        except Exception:\n"
"            pass\n"
"\n"
"    def lossless():\n"
"        import zmq\n"
"        thread = kernel.iopub_thread\n"
"        thread.schedule(lambda: thread.socket.setsockopt(zmq.XPUB_NODROP, 1))\n"
"\n"
"    def pieces():\n"
"        cls = type(sys.stdout)\n"
"        write_all = cls.write\n"
"        def write(self, string):\n"
"            n = len(string)\n"
"            self._execmgr_n = sent = getattr(self, '_execmgr_n', 0) + n\n"
"            if sent < PIECE or not self._is_master_process():\n"
"                return write_all(self, string)\n"
"            self._execmgr_n = 0\n"
"            for i in range(0, n, PIECE):\n"
"                write_all(self, string[i:i + PIECE])\n"
"                self.flush()\n"
"            return n\n"
"        cls.write = write\n"
"\n"
"    def descriptors():\n"
"        for stream, fd in ((sys.stdout, 1), (sys.stderr, 2)):\n"
"            try:\n"
"                stream.fileno()\n"
"            except OSError:\n"
"                stream._original_stdstream_copy = fd\n"
"\n"
"    def order():\n"
"        start, run = subprocess.Popen._execute_child, os.system\n"
"        here, numbers = os.getpid(), itertools.count(1)\n"
"        pipes = {fd: (os.fstat(fd).st_dev, os.fstat(fd).st_ino) for fd in (1, 2)}\n"
"        def mark():\n"
"            flush()\n"
"            if os.getpid() != here:\n"
"                return\n"
"            n = next(numbers)\n"
"            try:\n"
"                kernel.session.send(kernel.iopub_socket, 'execmgr_mark', {'n': n}, ident=b'execmgr_mark')\n"
"                for fd, pipe in pipes.items():\n"
"                    st = os.fstat(fd)\n"
"                    if (st.st_dev, st.st_ino) == pipe:\n"
"                        os.write(fd, b'\\0mark-%s-%d\\0' % (token.encode(), n))\n"
"            except Exception:\n"
"                pass\n"
"        def _execute_child(self, *args, **kwargs):\n"
"            mark()\n"
"            return start(self, *args, **kwargs)\n"
"        def system(command):\n"
"            mark()\n"
"            return run(command)\n"
"        subprocess.Popen._execute_child = _execute_child\n"
"        os.system = system\n"
"\n"
"    def commands():\n"
"        def system(cmd):\n"
"            if cmd.rstrip().endswith('&'):\n"
"                raise OSError('Background processes not supported.')\n"
"            cmd = shell.var_expand(cmd, depth=1)\n"
"            p = subprocess.Popen([os.environ.get('SHELL') or '/bin/sh', '-c', cmd], stdin=subprocess.DEVNULL,\n"
"                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)\n"
"            text = codecs.getincrementaldecoder('utf-8')('replace')\n"
"            try:\n"
"                with p.stdout:\n"
"                    while True:\n"
"                        b = os.read(p.stdout.fileno(), 65536)\n"
"                        sys.stdout.write(text.decode(b, not b))\n"
"                        sys.stdout.flush()\n"
"                        if not b:\n"
"                            break\n"
"                shell.user_ns['_exit_code'] = p.wait()\n"
"            except KeyboardInterrupt:\n"
"                p.terminate()\n"
"                shell.user_ns['_exit_code'] = 130\n"
"                raise\n"
"        shell.system = system\n"
"\n"
"    def exits():\n"
"        import warnings\n"
"        def ask_exit():\n"
"            raise SystemExit\n"
"        shell.ask_exit = ask_exit\n"
"        warnings.filterwarnings('ignore', message='To exit: use')\n"
"\n"
"    def crashes():\n"
"        import faulthandler\n"
"        faulthandler.enable(file=sys.__stderr__, all_threads=False)\n"
"\n"
"    def workspace_files():\n"
"        def load(path):\n"
"            ns = shell.user_ns\n"
"            with open(path, 'rb') as f:\n"
"                code = compile(f.read(), path, 'exec')\n"
"            had, old = '__file__' in ns, ns.get('__file__')\n"
"            ns['__file__'] = path\n"
"            try:\n"
"                exec(code, ns)\n"
"            finally:\n"
"                if had:\n"
"                    ns['__file__'] = old\n"
"                else:\n"
"                    ns.pop('__file__', None)\n"
"        kernel._execmgr_load = load\n"
"        if workspace:\n"
"            sys.path.append(workspace)\n"
"\n"
"    for f in (lossless, pieces, descriptors, order, commands, exits, crashes, workspace_files):\n"
"        step(f)\n"
"\n";

/* A Python string literal with that text: JSON's, which Python reads alike. */
static void
put_literal(struct buf *out, const char *text)
{
	buf_putc(out, '"');
	json_escape(out, text, strlen(text));
	buf_putc(out, '"');
}

void
boot_python(const char *workspace, const char *token, struct buf *out)
{
	buf_puts(out, python);
	buf_puts(out, "try:\n    _execmgr_boot(");
	if (workspace)
		put_literal(out, workspace);
	else
		buf_puts(out, "None");
	buf_puts(out, ", ");
	put_literal(out, token);
	buf_puts(out, ")\nfinally:\n    del _execmgr_boot\n");
}

void
boot_python_load(const char *path, struct buf *out)
{
	buf_puts(out, "__import__('IPython').get_ipython().kernel._execmgr_load(");
	put_literal(out, path);
	buf_puts(out, ")\n");
}
