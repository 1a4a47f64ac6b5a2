/* sandbox - bubblewrap's options, and an executor's environment; see sandbox.h and bwrap(1). */
#include <ctype.h>
#include <errno.h>

#include "local/sandbox.h"

/* Of the caller's environment an executor gets these. */
static const char *const env_names[] = {
	"LANG", "LANGUAGE", "TZ",
	"EXECUTION_TIMEOUT", "MAX_OUTPUT_BYTES", "KERNEL_NAME", "KERNEL_FORK", "KERNEL_PRELOAD",
	"WARM_KERNELS", "LOG_LEVEL",
	NULL
};

/* And these too where it sees the host's files anyway. */
static const char *const env_names_open[] = {
	"WORKSPACE_FOLDER", "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR",
	"JUPYTER_PATH", "JUPYTER_DATA_DIR", "XDG_DATA_HOME", "VIRTUAL_ENV", "CONDA_PREFIX",
	NULL
};

bool
sandbox_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 && (len == 1 || path[len] == '/' || path[len] == '\0');
}

bool
sandbox_env_ok(const char *text)
{
	const char *p = text;

	if (!isalpha((unsigned char)*p) && *p != '_')
		return false;
	while (isalnum((unsigned char)*p) || *p == '_')
		p++;
	return *p == '=';
}

static bool
is_listed(const char *entry, const char *const *names)
{
	for (; *names; names++) {
		size_t len = strlen(*names);

		if (strncmp(entry, *names, len) == 0 && entry[len] == '=')
			return true;
	}
	return false;
}

static void
set_entry(struct argv *env, const char *entry)
{
	const char *eq = strchr(entry, '=');
	char *name = strndup(entry, (size_t)(eq - entry));

	if (name)
		argv_setenv(env, name, eq + 1);
	else
		env->failed = true;
	free(name);
}

int
sandbox_env(char *const *caller, bool sandboxed, const char *const *extra, size_t nextra, struct argv *ret_env)
{
	struct argv env = ARGV_INIT;

	for (; *caller; caller++) {
		if (!strchr(*caller, '='))
			continue;
		if (strncmp(*caller, "LC_", 3) == 0 || is_listed(*caller, env_names) ||
		    (!sandboxed && is_listed(*caller, env_names_open)))
			set_entry(&env, *caller);
	}
	if (sandboxed || !argv_getenv(&env, "PATH"))
		argv_setenv(&env, "PATH", "/usr/local/bin:/usr/bin:/bin");
	if (sandboxed) {
		argv_setenv(&env, "HOME", SANDBOX_WORK);
		argv_setenv(&env, "USER", "executor");
		argv_setenv(&env, "LOGNAME", "executor");
		argv_setenv(&env, "WORK_DIR", SANDBOX_WORK);
		argv_setenv(&env, "SCRATCH_DIRS", SANDBOX_SCRATCH);
		argv_setenv(&env, "RUNTIME_DIRECTORY", SANDBOX_RUN);
	}
	if (!argv_getenv(&env, "LANG"))
		argv_setenv(&env, "LANG", "C.UTF-8");
	for (size_t i = 0; i < nextra; i++)
		set_entry(&env, extra[i]);
	if (argv_error(&env) < 0) {
		argv_release(&env);
		return -ENOMEM;
	}
	*ret_env = env;
	return 0;
}

static void
add(struct argv *o, const char *option, const char *a, const char *b)
{
	argv_add(o, option);
	if (a)
		argv_add(o, a);
	if (b)
		argv_add(o, b);
}

static void
add_tmpfs(struct argv *o, const struct sandbox *s, const char *at)
{
	argv_add(o, "--size");
	argv_addf(o, "%lld", s->tmpfs_bytes ? s->tmpfs_bytes : SANDBOX_TMPFS_BYTES);
	add(o, "--tmpfs", at, NULL);
}

static void
add_namespaces(struct argv *o, const struct sandbox *s)
{
	static const char *const always[] = {
		"--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try",
		"--new-session", "--die-with-parent"
	};

	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		argv_add(o, always[i]);
	if (!s->net)
		argv_add(o, "--unshare-net");
	if (!s->userns_open)
		argv_add(o, "--disable-userns");
	if (s->pid1)
		argv_add(o, "--as-pid-1");
	argv_add(o, "--uid");
	argv_addf(o, "%d", SANDBOX_ID);
	argv_add(o, "--gid");
	argv_addf(o, "%d", SANDBOX_ID);
	add(o, "--cap-drop", "ALL", NULL);	/* bwrap started by root would keep them all */
	add(o, "--hostname", s->hostname, NULL);
}

static void
add_env(struct argv *o, const struct sandbox *s)
{
	argv_add(o, "--clearenv");
	for (size_t i = 0; i < s->env->n; i++) {
		const char *entry = s->env->item[i], *eq = strchr(entry, '=');

		argv_add(o, "--setenv");
		argv_addf(o, "%.*s", (int)(eq - entry), entry);
		argv_add(o, eq + 1);
	}
}

/* Mounts are made in this order; the root, a tmpfs itself, and /dev can be written to until they are made read-only. */
int
sandbox_options(const struct sandbox *s, struct argv *ret_options)
{
	struct argv o = ARGV_INIT;

	add_namespaces(&o, s);
	add(&o, "--proc", "/proc", NULL);
	add(&o, "--dev", "/dev", NULL);
	add_tmpfs(&o, s, "/dev/shm");
	add_tmpfs(&o, s, "/tmp");
	add_tmpfs(&o, s, SANDBOX_WORK);
	add_tmpfs(&o, s, SANDBOX_RUN);
	for (size_t i = 0; i < s->nbind; i++)
		add(&o, s->bind[i].is_link ? "--symlink" : "--ro-bind", s->bind[i].from, s->bind[i].at);
	add(&o, "--ro-bind", "/proc/sys", "/proc/sys");		/* root outside could write there, by its uid alone */
	add(&o, "--bind", s->socket_dir, SANDBOX_SOCKET_DIR);
	add(&o, "--remount-ro", "/dev", NULL);
	add(&o, "--remount-ro", "/", NULL);
	add_env(&o, s);
	add(&o, "--chdir", SANDBOX_WORK, NULL);
	if (argv_error(&o) < 0) {
		argv_release(&o);
		return -ENOMEM;
	}
	*ret_options = o;
	return 0;
}
