/* launch - how one executor of a local pool is started; see launch.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local/child.h"
#include "local/launch.h"
#include "local/rundir.h"

#define PROBE_MS	10000
#define PROBE_PROGRAM	"/usr/bin/true"

/*
 * Root drops to user ids that nobody has: those from 1879048192 on are given to no one by convention (systemd's
 * UIDS-GIDS), 16384 for each pool.  In a container that maps fewer ids all executors are "nobody".
 */
#define UID_FIRST	0x70000000u
#define UID_POOL	16384u
#define UID_POOLS	4096u
#define UID_NOBODY	65534u

struct plan {			/* what a start needs in memory until exec */
	struct argv		 argv, env, options;
	struct argv		 sources;	/* what is staged */
	struct sandbox_bind	*bind;
	struct child_stage	 stage;
	size_t			 nbind;
	int			 enter[BOUND_COUNT];	/* descriptors of its control groups */
	struct child_spec	 spec;
};

static const char passwd_text[] =
	"root:x:0:0:root:/:/usr/sbin/nologin\n"
	"executor:x:1000:1000:executor:" SANDBOX_WORK ":/bin/sh\n"
	"nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";
static const char group_text[] = "root:x:0:\nexecutor:x:1000:\nnogroup:x:65534:\n";
static const char nsswitch_text[] = "passwd: files\ngroup: files\nhosts: files dns\n";

int
launch_open(struct launch *l)
{
	char real[PATH_MAX];
	struct buf at = BUF_INIT;
	const char *slash;
	int r;

	l->view = (struct view)VIEW_INIT;
	l->uid = l->bwrap && geteuid() == 0 ? UID_FIRST + (uid_t)getpid() % UID_POOLS * UID_POOL : (uid_t)-1;
	if (!l->bwrap)
		return 0;
	r = view_add_base(&l->view, l->net);
	if (r == 0)
		r = view_add_kernels(&l->view);
	for (size_t i = 0; r == 0 && i < l->nro; i++)
		r = realpath(l->ro[i], real) ? view_add(&l->view, real, l->ro[i], false) : -errno;
	if (r == 0 && !view_shows(&l->view, l->program)) {
		slash = strrchr(l->program, '/');
		buf_printf(&at, "%s/%s", SANDBOX_BIN, slash + 1);
		r = buf_error(&at);
		if (r == 0)
			r = realpath(l->program, real) ? view_add(&l->view, real, buf_str(&at), false) : -errno;
		buf_release(&at);
	}
	return r;
}

void
launch_close(struct launch *l)
{
	view_release(&l->view);
}

static uid_t
slot_uid(const struct launch *l, const struct launch_slot *slot)
{
	return l->uid == (uid_t)-1 || l->uid_shared ? l->uid : l->uid + (uid_t)slot->id;
}

static int
make_dir(const struct launch_slot *slot, const char *name, mode_t mode)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s%s%s", slot->dir, name ? "/" : "", name ? name : "");
	return mkdir(path, mode) < 0 || chmod(path, mode) < 0 ? -errno : 0;
}

static int
write_etc(const struct launch_slot *slot, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/etc/%s", slot->dir, name);
	return rundir_write(path, text, strlen(text), 0644);
}

static int
prepare_etc(const struct launch_slot *slot)
{
	char hosts[256];
	int r;

	snprintf(hosts, sizeof hosts, "127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 %s\n", slot->name);
	if ((r = make_dir(slot, "etc", 0755)) < 0 || (r = write_etc(slot, "passwd", passwd_text)) < 0 ||
	    (r = write_etc(slot, "group", group_text)) < 0 || (r = write_etc(slot, "hosts", hosts)) < 0)
		return r;
	return write_etc(slot, "nsswitch.conf", nsswitch_text);
}

int
launch_prepare(const struct launch *l, struct launch_slot *slot)
{
	int r;

	snprintf(slot->name, sizeof slot->name, "executor-%03d", slot->id);
	snprintf(slot->dir, sizeof slot->dir, "%s/%d", l->rundir, slot->id);
	r = make_dir(slot, NULL, 0700);
	if (r == 0)
		r = l->bwrap ? prepare_etc(slot) : make_dir(slot, "work", 0700);
	return r;
}

static void
plan_release(struct plan *p)
{
	argv_release(&p->argv);
	argv_release(&p->env);
	argv_release(&p->options);
	argv_release(&p->sources);
	free(p->bind);
	if (p->spec.pass >= 0)
		close(p->spec.pass);
	for (size_t i = 0; i < p->spec.nenter; i++)
		close(p->enter[i]);
}

/* The path under which bwrap is to look for `from`: root's child puts all but the system's own directories on a stage. */
static const char *
staged(const struct launch *l, struct plan *p, const char *from)
{
	if (l->uid == (uid_t)-1 || sandbox_is_below(from, "/usr") || sandbox_is_below(from, "/etc"))
		return from;
	argv_add(&p->sources, from);
	argv_addf(&p->options, CHILD_STAGE "/%zu", p->sources.n - 1);	/* kept there for the moment */
	return argv_error(&p->options) < 0 ? from : p->options.item[p->options.n - 1];
}

/* The last two of paths: from, at. */
static int
plan_bind(const struct launch *l, struct plan *p, const struct argv *paths)
{
	if (argv_error(paths) < 0)
		return -ENOMEM;
	p->bind[p->nbind++] = (struct sandbox_bind){
		staged(l, p, paths->item[paths->n - 2]), paths->item[paths->n - 1], false
	};
	return 0;
}

/* Of its control groups an executor sees one file, by which it knows that a kernel died for want of memory. */
static int
plan_bind_events(const struct launch *l, const struct launch_slot *slot, struct plan *p, struct argv *paths)
{
	struct buf path = BUF_INIT;
	int r = groups_oom_path(l->groups, slot->id, &path);

	if (r == 0) {
		argv_add(paths, buf_str(&path));
		argv_add(paths, SANDBOX_MEMORY_EVENTS);
		r = plan_bind(l, p, paths);
	}
	buf_release(&path);
	return r == -ENOENT ? 0 : r;
}

/* All that is shown: the view, and the files made for this executor. */
static int
plan_binds(const struct launch *l, const struct launch_slot *slot, struct plan *p, struct argv *paths)
{
	static const char *const made[] = { "passwd", "group", "hosts", "nsswitch.conf" };
	const size_t nmade = sizeof made / sizeof *made;
	int r = 0;

	p->bind = calloc(l->view.n + nmade + 1, sizeof *p->bind);
	if (!p->bind)
		return -ENOMEM;
	for (; p->nbind < l->view.n; p->nbind++) {
		p->bind[p->nbind] = l->view.bind[p->nbind];
		if (!p->bind[p->nbind].is_link)
			p->bind[p->nbind].from = staged(l, p, p->bind[p->nbind].from);
	}
	for (size_t i = 0; r == 0 && i < nmade; i++) {
		argv_addf(paths, "%s/etc/%s", slot->dir, made[i]);
		argv_addf(paths, "/etc/%s", made[i]);
		r = plan_bind(l, p, paths);
	}
	if (r == 0)
		r = plan_bind_events(l, slot, p, paths);
	if (r < 0)
		return r;
	return argv_error(&p->options) < 0 || argv_error(&p->sources) < 0 ? -ENOMEM : 0;
}

/* bwrap reads its options from a descriptor: none of the host's paths are to be seen in a command line. */
static int
options_fd(const struct argv *options)
{
	int fd = memfd_create("bwrap", MFD_CLOEXEC);
	size_t len;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < options->n; i++) {
		len = strlen(options->item[i]) + 1;
		if (write(fd, options->item[i], len) != (ssize_t)len) {
			close(fd);
			return -EIO;
		}
	}
	if (lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static int
plan_sandbox(const struct launch *l, const struct launch_slot *slot, struct plan *p, bool pid1)
{
	struct sandbox s = { .hostname = slot->name, .net = l->net, .pid1 = pid1, .userns_open = l->userns_open };
	struct argv paths = ARGV_INIT, stage_names, options = ARGV_INIT;
	int r;

	if (l->groups->want.mem_bytes > 0 && l->groups->want.mem_bytes / 2 < SANDBOX_TMPFS_BYTES)
		s.tmpfs_bytes = l->groups->want.mem_bytes / 2;	/* what is in them is in its memory, too */
	r = plan_binds(l, slot, p, &paths);
	argv_addf(&paths, "%s/in", slot->dir);
	if (r == 0)
		r = argv_error(&paths);
	if (r == 0) {
		s.socket_dir = staged(l, p, paths.item[paths.n - 1]);
		s.bind = p->bind;
		s.nbind = p->nbind;
		s.env = &p->env;
		r = sandbox_options(&s, &options);
	}
	stage_names = p->options;
	p->options = options;
	argv_release(&stage_names);
	argv_release(&paths);
	if (r == 0 && (r = options_fd(&p->options)) >= 0) {
		p->spec.pass = r;
		r = 0;
	}
	if (slot_uid(l, slot) != (uid_t)-1) {
		p->stage = (struct child_stage){
			slot_uid(l, slot), (const char *const *)argv_list(&p->sources), p->sources.n
		};
		p->spec.stage = &p->stage;
	}
	return r;
}

static int
plan_env(const struct launch *l, const struct launch_slot *slot, struct plan *p)
{
	struct buf text = BUF_INIT, events = BUF_INIT;
	int r;

	r = sandbox_env(environ, l->bwrap != NULL, l->env, l->nenv, &p->env);
	if (r < 0)
		return r;
	if (slot->kernel)
		argv_setenv(&p->env, "KERNEL_NAME", slot->kernel);
	if (l->bwrap) {
		for (size_t i = 0; i < l->view.jupyter.n; i++)
			buf_printf(&text, "%s%s", i ? ":" : "", l->view.jupyter.item[i]);
		if (text.len > 0)
			argv_setenv(&p->env, "JUPYTER_PATH", buf_str(&text));
		argv_setenv(&p->env, "EXECUTOR_SOCKET", SANDBOX_SOCKET_DIR "/sock");
		if (groups_oom_path(l->groups, slot->id, &events) == 0)
			argv_setenv(&p->env, "MEMORY_EVENTS", SANDBOX_MEMORY_EVENTS);
	} else {
		buf_printf(&text, "%s/work", slot->dir);
		argv_setenv(&p->env, "WORK_DIR", buf_str(&text));
		argv_setenv(&p->env, "RUNTIME_DIRECTORY", slot->dir);	/* goes with the pool, however the executor ends */
		buf_reset(&text);
		buf_printf(&text, "%s/in/sock", slot->dir);
		argv_setenv(&p->env, "EXECUTOR_SOCKET", buf_str(&text));
	}
	r = buf_error(&text) < 0 ? -ENOMEM : argv_error(&p->env);
	buf_release(&text);
	buf_release(&events);
	return r;
}

static void
plan_program(const struct launch *l, struct plan *p)
{
	const char *slash = strrchr(l->program, '/');

	if (l->bwrap && !view_shows(&l->view, l->program))
		argv_addf(&p->argv, "%s/%s", SANDBOX_BIN, slash + 1);
	else
		argv_add(&p->argv, l->program);
	for (size_t i = 0; i < l->nargs; i++)
		argv_add(&p->argv, l->args[i]);
	if (!l->custom) {
		argv_add(&p->argv, "-b");
		argv_addf(&p->argv, "unix:%s", argv_getenv(&p->env, "EXECUTOR_SOCKET"));
	}
}

static int
plan_bounds(const struct launch *l, const struct launch_slot *slot, struct plan *p)
{
	int n = groups_enter(l->groups, slot->id, p->enter);

	if (n < 0)
		return n;
	p->spec.enter = p->enter;
	p->spec.nenter = (size_t)n;
	p->spec.rlimit = l->rlimits.item;
	p->spec.nrlimit = l->rlimits.n;
	return 0;
}

/* program NULL: the executor. */
static int
plan_make(const struct launch *l, const struct launch_slot *slot, const char *program, struct plan *p)
{
	static char *const no_env[] = { NULL };
	int r;

	*p = (struct plan){ .argv = ARGV_INIT, .spec = { .out = -1, .err = -1, .pass = -1 } };
	r = plan_env(l, slot, p);
	if (r < 0)
		return r;
	p->spec.envp = argv_list(&p->env);
	p->spec.path = l->program;
	if (l->bwrap) {
		argv_add(&p->argv, "bwrap");
		argv_add(&p->argv, "--args");
		argv_addf(&p->argv, "%d", CHILD_PASS_FD);
		argv_add(&p->argv, "--");
		r = plan_sandbox(l, slot, p, !l->custom && !program);
		p->spec.path = l->bwrap;
		p->spec.envp = no_env;		/* else its first process would show ours to /proc/1/environ */
	} else {
		p->spec.minded = true;		/* bwrap's first process does the same */
		p->spec.cwd = argv_getenv(&p->env, "WORK_DIR");
	}
	if (program)
		argv_add(&p->argv, program);
	else
		plan_program(l, p);
	p->spec.argv = argv_list(&p->argv);
	return r < 0 ? r : argv_error(&p->argv);
}

int
launch_start(const struct launch *l, const struct launch_slot *slot, struct member *m, uv_loop_t *loop, int64_t now_ms,
    const char **ret_step)
{
	struct plan p;
	int r;

	*ret_step = "directory";
	r = rundir_open_socket(slot->dir, slot_uid(l, slot));
	if (r < 0)
		return r;
	*ret_step = "preparation";
	r = plan_make(l, slot, NULL, &p);
	if (r == 0)
		r = plan_bounds(l, slot, &p);
	if (r == 0)
		r = member_start(m, loop, &p.spec, now_ms, ret_step);
	plan_release(&p);
	return r;
}

/* Run the sandbox once around a program that does nothing. 0; -errno; -EACCES: bwrap refused, in its words. */
static int
probe_once(const struct launch *l, const struct launch_slot *slot, struct buf *why)
{
	const char *step = "directory";
	int fds[2] = { -1, -1 }, r;
	struct plan p;
	pid_t pid;

	buf_reset(why);
	r = rundir_open_socket(slot->dir, slot_uid(l, slot));
	if (r < 0)
		goto out;
	r = plan_make(l, slot, PROBE_PROGRAM, &p);
	if (r == 0 && pipe2(fds, O_CLOEXEC) < 0)
		r = -errno;
	p.spec.out = p.spec.err = fds[1];
	if (r == 0)
		r = child_start(&p.spec, &pid, &step);
	plan_release(&p);
	if (fds[1] >= 0)
		close(fds[1]);
	if (r == 0) {
		int status = child_wait(pid, PROBE_MS);

		r = status == 0 ? 0 : -EACCES;
		if (r < 0 && buf_read_fd(why, fds[0], 65536) == 0 && why->len > 0)
			buf_truncate(why, strcspn(buf_str(why), "\n"));
	}
	if (fds[0] >= 0)
		close(fds[0]);
out:
	if (r < 0 && why->len == 0)
		buf_printf(why, "%s: %s", step, strerror(-r));
	return r;
}

int
launch_probe(struct launch *l, const struct launch_slot *slot, struct buf *why)
{
	int r = probe_once(l, slot, why);

	if (r == -EINVAL && l->uid != (uid_t)-1) {	/* setresuid(2): no such id in this user namespace */
		l->uid = UID_NOBODY;
		l->uid_shared = true;
		r = probe_once(l, slot, why);
	}
	if (r < 0 && strstr(buf_str(why), "--disable-userns")) {
		l->userns_open = true;
		r = probe_once(l, slot, why);
	}
	return r;
}

bool
launch_has_own_uids(const struct launch *l)
{
	return l->uid != (uid_t)-1 && !l->uid_shared;
}
