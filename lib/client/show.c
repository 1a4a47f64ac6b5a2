/* show - an executor's answer as text; see show.h. */
#include <errno.h>
#include <unistd.h>

#include "base/diag.h"
#include "client/cli.h"
#include "client/image.h"
#include "client/present.h"
#include "client/show.h"

static bool
is(struct json object, const char *key, const char *text)
{
	struct json v;

	return json_get(object, key, &v) && json_equals(v, text);
}

const char *
show_check(struct json answer)
{
	struct json_iter it = { 0 };
	struct json outputs, item, type;

	if (answer.kind != JSON_OBJECT)
		return "is not an object";
	if (!json_get(answer, "outputs", &outputs))
		return "has no outputs";
	if (outputs.kind != JSON_ARRAY)
		return "has outputs that are not an array";
	while (json_next(outputs, &it, NULL, &item))
		if (!json_get(item, "type", &type) || type.kind != JSON_STRING)
			return "has an output without a type";
	return NULL;
}

static bool
starts_with(struct json object, const char *key, const char *text)
{
	struct json v;
	struct buf b = BUF_INIT;
	bool yes;

	if (!json_get(object, key, &v) || json_text(v, &b) < 0)
		return false;
	yes = strncmp(buf_str(&b), text, strlen(text)) == 0;
	buf_release(&b);
	return yes;
}

/* What one more output makes of the exit status so far. */
static int
exit_of_item(struct json item, int ex)
{
	if (!is(item, "type", "error") || ex > EX_NO)
		return ex;
	if (is(item, "name", "KernelDied"))
		return EX_DIED;
	if (is(item, "name", "TimeoutError") && starts_with(item, "value", "Execution timed out"))
		return EX_TIMEDOUT;
	return EX_NO;
}

static int
exit_of_items(struct json outputs)
{
	struct json_iter it = { 0 };
	struct json item;
	int ex = 0;

	while (json_next(outputs, &it, NULL, &item))
		ex = exit_of_item(item, ex);
	return ex;
}

/* By its status; otherwise what its items said. */
static int
exit_of_status(struct json answer, int otherwise)
{
	static const struct {
		const char *status;
		int ex;
	} known[] = {
		{ "ok", 0 }, { "error", EX_NO }, { "interrupted", EX_NO }, { "timeout", EX_TIMEDOUT }, { "kernel_died", EX_DIED },
	};
	struct json v;

	if (json_get(answer, "status", &v))
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			if (json_equals(v, known[i].status))
				return known[i].ex;
	return otherwise;
}

int
show_exit(struct json answer)
{
	struct json outputs;

	return exit_of_status(answer, json_get(answer, "outputs", &outputs) ? exit_of_items(outputs) : 0);
}

/* fd 2 may be closed or gone: what cannot be said there is not a failure. */
static int
emit(const struct show *s, int fd, const struct buf *text)
{
	struct buf tame = BUF_INIT;
	const struct buf *b = text;
	int r;

	if (fd == STDOUT_FILENO ? s->tame_out : s->tame_err) {
		present_text(&tame, buf_str(text), text->len);
		b = &tame;
	}
	if (buf_error(b) < 0)
		diag_die(EX_OSERR, "out of memory");
	r = cli_write(fd, buf_str(b), b->len, s->watch);
	buf_release(&tame);
	return fd == STDOUT_FILENO || r == -EINTR ? r : 0;
}

/* A string, or an array of strings to be joined by sep; anything else adds nothing. */
static void
add_text(struct json v, const char *sep, struct buf *out)
{
	struct json_iter it = { 0 };
	struct json part;

	if (v.kind == JSON_STRING)
		json_text(v, out);
	for (bool first = true; v.kind == JSON_ARRAY && json_next(v, &it, NULL, &part); first = false) {
		buf_puts(out, first ? "" : sep);
		json_text(part, out);
	}
}

static void
end_line(struct buf *b)
{
	if (b->len > 0 && b->data[b->len - 1] != '\n')
		buf_putc(b, '\n');
}

static int
show_stream(const struct show *s, struct json item)
{
	struct buf b = BUF_INIT;
	struct json v;
	int r;

	if (json_get(item, "text", &v))
		add_text(v, "", &b);
	r = emit(s, is(item, "name", "stderr") ? STDERR_FILENO : STDOUT_FILENO, &b);
	buf_release(&b);
	return r;
}

/*
 * Does a traceback say what the error is?  That of a time limit does not: it tells of an interrupt.  Its last line names the error, or
 * its value is in it somewhere (not every language puts that last); Python's SyntaxError has a value that is not in its traceback.
 */
static bool
says(const struct buf *traceback, const struct buf *name, const struct buf *value)
{
	const char *text = buf_str(traceback), *last;
	size_t end = traceback->len;

	if (traceback->len == 0 || (value->len > 0 && strstr(text, buf_str(value)) != NULL))
		return traceback->len > 0;
	while (end > 0 && strchr(" \n", text[end - 1]) != NULL)
		end--;
	for (last = text + end; last > text && last[-1] != '\n'; )
		last--;
	return name->len > 0 && strncmp(last, buf_str(name), name->len) == 0 && strchr(": \n", last[name->len]) != NULL;
}

/* The traceback, then the error's own line where the traceback lacks it. */
static int
show_error(const struct show *s, struct json item)
{
	struct buf b = BUF_INIT, name = BUF_INIT, value = BUF_INIT;
	struct json v;
	int r;

	if (json_get(item, "traceback", &v))
		add_text(v, "\n", &b);
	end_line(&b);
	if (json_get(item, "name", &v))
		add_text(v, "", &name);
	if (json_get(item, "value", &v))
		add_text(v, "", &value);
	if (!says(&b, &name, &value)) {
		buf_add(&b, buf_str(&name), name.len);
		buf_puts(&b, name.len > 0 && value.len > 0 ? ": " : "");
		buf_add(&b, buf_str(&value), value.len);
		end_line(&b);
	}
	r = emit(s, STDERR_FILENO, &b);
	buf_release(&name);
	buf_release(&value);
	buf_release(&b);
	return r;
}

/* Returns whether a picture of it is in a file now. */
static bool
save_bundle(struct show *s, struct json data)
{
	struct json_iter it = { 0 };
	struct json mime, value;
	bool saved = false;

	while (json_next(data, &it, &mime, &value)) {
		const char *extension = image_extension(mime);
		struct buf path = BUF_INIT;
		int r;

		if (extension == NULL)
			continue;
		r = image_save(s->save_dir, extension, value, &s->next_image, &path);
		saved |= r == 0;
		if (r == 0)
			diag(DIAG_WARN, "saved %s", buf_str(&path));
		else if (r == -EBADMSG)
			diag(DIAG_ERROR, "a picture of type %.*s is not base64 text", (int)mime.len, mime.p);
		else
			diag(DIAG_ERROR, "%s: %s", path.len > 0 ? buf_str(&path) : s->save_dir, strerror(-r));
		if (r < 0 && s->ex == 0)
			s->ex = r == -EBADMSG ? EX_PROTOCOL : r == -ENOSPC || r == -EIO ? EX_IOERR : EX_CANTCREAT;
		buf_release(&path);
	}
	return saved;
}

/* A saved picture's text/plain only stands in for it ("<Figure size 640x480 with 1 Axes>"). */
static int
show_bundle(struct show *s, struct json item)
{
	struct buf b = BUF_INIT;
	struct json data, plain, mime;
	struct json_iter it = { 0 };
	int r = 0;

	if (!json_get(item, "data", &data) || data.kind != JSON_OBJECT)
		return 0;
	if (s->save_dir != NULL && save_bundle(s, data))
		return 0;
	if (json_get(data, "text/plain", &plain)) {
		add_text(plain, "", &b);
		end_line(&b);
		r = emit(s, STDOUT_FILENO, &b);
	} else if (json_next(data, &it, &mime, &plain))
		diag(DIAG_INFO, "an output has no text/plain, only %.*s: --json shows it", (int)mime.len, mime.p);
	buf_release(&b);
	return r;
}

/* What an answer says beside its outputs. */
static void
show_notes(struct json answer)
{
	struct json v;

	if (json_get(answer, "truncated", &v) && v.kind == JSON_TRUE)
		diag(DIAG_WARN, "the output was cut at its limit");
	if (json_get(answer, "state_kept", &v) && v.kind == JSON_FALSE)
		diag(DIAG_WARN, "the kernel was replaced: its state is lost");
}

static int
show_item(struct show *s, struct json item)
{
	if (is(item, "type", "stream"))
		return show_stream(s, item);
	if (is(item, "type", "result") || is(item, "type", "display") || is(item, "type", "update"))
		return show_bundle(s, item);
	if (is(item, "type", "error"))
		return show_error(s, item);
	return 0;
}

int
show_line(struct show *s, struct json line)
{
	if (is(line, "type", "done")) {
		s->done = true;
		s->ex_items = exit_of_status(line, s->ex_items);
		show_notes(line);
		return 0;
	}
	s->ex_items = exit_of_item(line, s->ex_items);
	return show_item(s, line);
}

int
show_outputs(struct show *s, struct json answer)
{
	struct json_iter it = { 0 };
	struct json outputs, item;
	int r = 0;

	if (!json_get(answer, "outputs", &outputs))
		return 0;
	while (r == 0 && json_next(outputs, &it, NULL, &item))
		r = show_item(s, item);
	if (r == 0)
		show_notes(answer);
	return r;
}

void
show_save(struct show *s, struct json answer)
{
	struct json_iter it = { 0 };
	struct json outputs, item, data;

	if (s->save_dir == NULL || !json_get(answer, "outputs", &outputs))
		return;
	while (json_next(outputs, &it, NULL, &item))
		if (json_get(item, "data", &data) && data.kind == JSON_OBJECT)
			save_bundle(s, data);
}
