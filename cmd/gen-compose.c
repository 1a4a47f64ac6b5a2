/* gen-compose - write the files of a deployment with Docker Compose; gen-compose(1) */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/opt.h"
#include "base/utf8.h"
#include "deploy/compose_yaml.h"
#include "deploy/output.h"
#include "deploy/plan.h"
#include "deploy/submissions.h"
#include "local/find.h"

#define ENV_FILE_MAX (1 << 20)		/* bytes; a file of variables is no larger than this */

static const char *types = "python", *output = "docker-compose.yml", *config_file, *saveto, *preset, *gpu_ids, *manager_image;
static const char *bind_address, *runtime;
static struct opt_list images, mounts, env_lists, env_files;
static int64_t count, start_port = 60000, manager_port = PLAN_MANAGER_PORT;
static bool no_egress;

static const struct opt table[] = {
	{ 'n', "num-containers", "N", "executors (the sum of --types, else 10)", OPT_INT, .dest = &count, .min = 1,
	    .max = TYPES_TOTAL_MAX },
	{ 't', "types", "TYPES", "types and how many of each: python:60,kaggle:30 (python)", OPT_STRING, .dest = &types },
	{ 0, "image", "TYPE=REF", "a type's image (called like the type)", OPT_LIST, .dest = &images },
	{ 'p', "start-port", "PORT", "the first executor's port on the host (60000)", OPT_INT, .dest = &start_port, .min = 1,
	    .max = 65535 },
	{ 'e', "env", "NAME=VALUE[,...]", "variables of the executors; MEM_LIMIT, CPUS, MEM_RESERVATION limit them", OPT_LIST,
	    .dest = &env_lists },
	{ 0, "env-file", "FILE", "the same from a file, a variable a line; -: standard input", OPT_LIST, .dest = &env_files },
	{ 0, "preset", "NAME", "the same from a file that comes with this program", OPT_STRING, .dest = &preset },
	{ 'm', "mountable-volumes", "DIR", "a directory for /code, read-only, or SRC:DST[:ro]", OPT_LIST, .dest = &mounts },
	{ 's', "mountable-volume-saveto", "DIR", "a directory below DIR for each executor, its /submission", OPT_STRING,
	    .dest = &saveto },
	{ 'g', "gpu-ids", "IDS", "GPUs for the first executors, one each: 0,1,2", OPT_STRING, .dest = &gpu_ids },
	{ 0, "runtime", "NAME", "Docker's runtime for the executors", OPT_STRING, .dest = &runtime },
	{ 0, "no-egress", NULL, "executors reach nothing but the manager", OPT_FLAG, .dest = &no_egress },
	{ 0, "bind", "ADDR", "address that ports are published on (127.0.0.1)", OPT_STRING, .dest = &bind_address },
	{ 0, "manager-port", "PORT", "the manager's port on the host (5000)", OPT_INT, .dest = &manager_port, .min = 1,
	    .max = 65535 },
	{ 0, "manager-image", "REF", "the manager's image (manager-prebuilt)", OPT_STRING, .dest = &manager_image },
	{ 'o', "output", "FILE", "the compose file (docker-compose.yml); -: standard output", OPT_STRING, .dest = &output },
	{ 'c', "config-file", "FILE", "the manager's configuration (container_config.json beside the output)", OPT_STRING,
	    .dest = &config_file },
	{ .name = NULL },
};

static const struct opt_usage usage = {
	.name = "gen-compose",
	.purpose = "Write a compose file and the manager's configuration for a pool of executors.",
	.synopsis = "[-n N] [-t TYPES] [--image TYPE=REF] [-p PORT] [-e NAME=VALUE[,...]] [--env-file FILE] [--preset NAME] "
	    "[-m DIR] [-s DIR] [-g IDS] [--runtime NAME] [--no-egress] [--bind ADDR] [--manager-port PORT] "
	    "[--manager-image REF] [-o FILE] [-c FILE]",
	.table = table,
};

static bool
to_stdout(void)
{
	return strcmp(output, "-") == 0;
}

/* Bytes of path up to its last slash, that included. */
static size_t
dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

static void
choose_config_file(struct buf *path)
{
	if (config_file != NULL)
		buf_puts(path, config_file);
	else {
		buf_add(path, output, to_stdout() ? 0 : dir_len(output));
		buf_puts(path, "container_config.json");
	}
}

/* The compose file is UTF-8; so what it names must be.  0, or an exit status with its message said. */
static int
check_utf8(const char *path)
{
	size_t len = strlen(path), n;

	for (size_t i = 0; i < len; i += n)
		if ((n = utf8_char(path + i, len - i)) == 0)
			return diag_fail(EX_DATAERR, "%s: not UTF-8, so no compose file can name it", path);
	return 0;
}

/*
 * Compose takes a relative path as relative to the compose file: beside it the name is enough, so that the two can be moved
 * together; from elsewhere it is absolute.  0, or an exit status with its message said.
 */
static int
name_for_compose(const char *path, struct buf *name)
{
	char dir[PATH_MAX], beside[PATH_MAX], from[PATH_MAX];
	size_t len = dir_len(path), out_len = to_stdout() ? 0 : dir_len(output);

	if (len >= sizeof from || out_len >= sizeof from)
		return diag_fail(EX_CANTCREAT, "%s: %s", path, strerror(ENAMETOOLONG));
	snprintf(from, sizeof from, "%.*s", out_len > 0 ? (int)out_len : 1, out_len > 0 ? output : ".");
	if (realpath(from, beside) == NULL)
		return diag_fail(EX_CANTCREAT, "%s: %s", output, strerror(errno));
	snprintf(from, sizeof from, "%.*s", len > 0 ? (int)len : 1, len > 0 ? path : ".");
	if (realpath(from, dir) == NULL)
		return diag_fail(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	buf_printf(name, "%s/%s", strcmp(dir, beside) == 0 ? "." : strcmp(dir, "/") == 0 ? "" : dir, path + len);
	return check_utf8(buf_str(name));
}

static void
check_usage(int argc, char **argv, int at)
{
	if (at < argc)
		opt_refuse(&usage, "%s: unexpected operand", argv[at]);
	if (*output == '\0' || output[strlen(output) - 1] == '/')
		opt_refuse(&usage, "--output %s: not a file name", output);
	if (config_file != NULL && (*config_file == '\0' || config_file[strlen(config_file) - 1] == '/'))
		opt_refuse(&usage, "--config-file %s: not a file name", config_file);
	if (config_file != NULL && strcmp(config_file, "-") == 0)
		opt_refuse(&usage, "--config-file -: the compose file mounts it, so it must be a file");
	if (saveto != NULL && *saveto == '\0')
		opt_refuse(&usage, "--mountable-volume-saveto %s: a directory is missing", saveto);
}

/* 0, or an exit status with its message said. */
static int
read_env_file(struct env *env, const char *path)
{
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	struct buf text = BUF_INIT, why = BUF_INIT;
	int r = name == path ? buf_read_file(&text, path, ENV_FILE_MAX) : buf_read_fd(&text, STDIN_FILENO, ENV_FILE_MAX);

	if (r == -EFBIG)
		r = diag_fail(EX_DATAERR, "%s: larger than 1 MiB", name);
	else if (r < 0 && r != -ENOMEM)
		r = diag_fail(name == path ? EX_NOINPUT : EX_IOERR, "%s: %s", name, strerror(-r));
	else if (r == 0 && (r = env_parse_file(env, name, buf_str(&text), text.len, &why)) == -EINVAL)
		r = diag_fail(EX_DATAERR, "%s", buf_str(&why));
	if (r < 0)
		r = diag_fail(EX_OSERR, "out of memory");
	buf_release(&text);
	buf_release(&why);
	return r;
}

static int
is_preset(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > 4 && d->d_name[0] != '.' && strcmp(d->d_name + len - 4, ".env") == 0;
}

/* Bad usage: there is none of that name in dir, but there are these. */
static void __attribute__((noreturn))
refuse_preset(const char *dir)
{
	struct dirent **found = NULL;
	struct buf names = BUF_INIT;
	int n = scandir(dir, &found, is_preset, alphasort);

	for (int i = 0; i < n; i++)
		buf_printf(&names, "%s%.*s", i > 0 ? ", " : "", (int)strlen(found[i]->d_name) - 4, found[i]->d_name);
	opt_refuse(&usage, "--preset %s: there is none of that name, but %s", preset, n > 0 ? buf_str(&names) : "no other either");
}

/* path is where its name goes, which the variables refer to. */
static int
read_preset(struct env *env, struct buf *path)
{
	char dir[PATH_MAX];
	int r = find_share("presets", dir);

	if (r < 0)
		return diag_fail(EX_NOINPUT, "--preset %s: the presets of this program: %s", preset, strerror(-r));
	if (!types_name_ok(preset, strlen(preset)))		/* which has no slash */
		refuse_preset(dir);
	buf_printf(path, "%s/%s.env", dir, preset);
	if (access(buf_str(path), F_OK) < 0)
		refuse_preset(dir);
	return read_env_file(env, buf_str(path));
}

/* What is more particular comes later and wins: preset, files, command line. */
static int
read_environment(struct env *env, struct buf *preset_path)
{
	struct buf why = BUF_INIT;
	int r = preset != NULL ? read_preset(env, preset_path) : 0;

	for (size_t i = 0; i < env_files.n && r == 0; i++)
		r = read_env_file(env, env_files.item[i]);
	for (size_t i = 0; i < env_lists.n && r == 0; i++)
		if ((r = env_parse_list(env, env_lists.item[i], &why)) == -EINVAL)
			opt_refuse(&usage, "%s", buf_str(&why));
	return r < 0 ? diag_fail(EX_OSERR, "out of memory") : r;
}

static int
read_volumes(struct volumes *v)
{
	struct buf why = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < mounts.n && r == 0; i++)
		if ((r = volumes_parse(v, mounts.item[i], &why)) == -EINVAL)
			opt_refuse(&usage, "%s", buf_str(&why));
	return r < 0 ? diag_fail(EX_OSERR, "out of memory") : 0;
}

/* The path of a directory, links resolved, for the caller to free; NULL: errno says why. */
static char *
real_directory(const char *path)
{
	char *real = realpath(path, NULL);
	struct stat st;

	if (real == NULL || (stat(real, &st) == 0 && S_ISDIR(st.st_mode)))
		return real;
	free(real);
	errno = ENOTDIR;
	return NULL;
}

/* The directories, absolute: a compose file that is moved still names them. */
static int
resolve_volumes(struct volumes *v)
{
	int r = 0;

	for (size_t i = 0; i < v->n && r == 0; i++) {
		char *real = real_directory(v->item[i].source);

		if (real == NULL)
			return diag_fail(EX_DATAERR, "--mountable-volumes %s: %s", v->item[i].source, strerror(errno));
		free(v->item[i].source);
		v->item[i].source = real;
		r = check_utf8(real);
	}
	return r;
}

static int
make_submissions(struct submissions *s, struct plan *plan)
{
	struct buf where = BUF_INIT;
	int r = submissions_make(s, saveto, plan->n, &where);

	if (r < 0)
		r = r == -ENOMEM ? diag_fail(EX_OSERR, "out of memory")
		    : diag_fail(EX_CANTCREAT, "%s: %s", buf_str(&where), strerror(-r));
	else
		r = check_utf8(plan->submissions = s->path);
	buf_release(&where);
	return r;
}

static int
print(const struct buf *text)
{
	int r = 0;

	if (fwrite(buf_str(text), 1, text->len, stdout) < text->len || fflush(stdout) != 0) {
		r = diag_fail(EX_IOERR, "standard output: %s", strerror(errno));
		clearerr(stdout);
	}
	return r;
}

static int
write_files(const struct plan *plan, const char *config_path)
{
	struct buf compose = BUF_INIT, config = BUF_INIT;
	struct output files[] = { { output, &compose, false }, { config_path, &config, true } },
	    *first = to_stdout() ? files + 1 : files;
	size_t which = 0;
	int r;

	plan_format_config(plan, &config);
	buf_puts(&compose, "# Written by gen-compose.\n");
	if ((r = compose_yaml_format(plan, &compose)) == 0 && (r = buf_error(&config)) == 0)
		r = output_write_all(first, to_stdout() ? 1 : 2, &which);
	if (r == -ENOMEM)
		r = diag_fail(EX_OSERR, "out of memory");
	else if (r < 0)
		r = diag_fail(r == -ENOSPC || r == -EIO ? EX_IOERR : EX_CANTCREAT, "%s: %s", first[which].path, strerror(-r));
	else if (to_stdout())
		r = print(&compose);
	buf_release(&compose);
	buf_release(&config);
	return r;
}

/* All that the file system is asked for comes after all that can be told from the options. */
static int
generate(const struct plan_options *o, struct volumes *volumes, const char *config_path)
{
	struct submissions submissions = SUBMISSIONS_INIT;
	struct plan plan = PLAN_INIT;
	struct buf why = BUF_INIT;
	int r = plan_build(o, &plan, &why);

	if (r == -EINVAL)
		opt_refuse(&usage, "%s", buf_str(&why));
	if (r < 0)
		r = r == -EBADMSG ? diag_fail(EX_DATAERR, "%s", buf_str(&why)) : diag_fail(EX_OSERR, "out of memory");
	if (r == 0)
		r = resolve_volumes(volumes);
	if (r == 0 && saveto != NULL)
		r = make_submissions(&submissions, &plan);
	if (r == 0)
		r = write_files(&plan, config_path);
	if (r != 0)
		submissions_undo(&submissions);
	submissions_release(&submissions);
	plan_release(&plan);
	buf_release(&why);
	return r;
}

int
main(int argc, char **argv)
{
	struct buf config_path = BUF_INIT, name = BUF_INIT, preset_path = BUF_INIT;
	struct volumes volumes = VOLUMES_INIT;
	struct env env = ENV_INIT;
	struct plan_options o = { 0 };
	int r;

	diag_init("gen-compose", DIAG_WARN);
	check_usage(argc, argv, opt_parse(&usage, argc, argv));
	choose_config_file(&config_path);
	if ((r = name_for_compose(buf_str(&config_path), &name)) != 0)
		goto out;
	if (!to_stdout() && strcmp(buf_str(&name) + 2, output + dir_len(output)) == 0 && buf_str(&name)[0] == '.')
		opt_refuse(&usage, "--config-file %s: is the output as well", buf_str(&config_path));
	if ((r = read_environment(&env, &preset_path)) != 0 || (r = read_volumes(&volumes)) != 0)
		goto out;
	o = (struct plan_options){
		.types = types, .count = (int)count, .start_port = (int)start_port, .config_path = buf_str(&name),
		.images = images.item, .n_images = images.n, .manager_image = manager_image, .manager_port = (int)manager_port,
		.bind = bind_address, .gpu_ids = gpu_ids, .runtime = runtime, .env = &env, .volumes = &volumes,
		.submissions = saveto != NULL, .no_egress = no_egress,
	};
	r = generate(&o, &volumes, buf_str(&config_path));
out:
	volumes_release(&volumes);
	env_release(&env);
	buf_release(&config_path);
	buf_release(&name);
	buf_release(&preset_path);
	return diag_close_stdout(r);
}
