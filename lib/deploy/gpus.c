/* gpus - which GPUs the first executors get; see gpus.h. */
#include <errno.h>

#include "deploy/gpus.h"
#include "deploy/refuse.h"

#define NUMBER_MAX 4	/* digits */

static bool
is_number(const char *s, size_t len)
{
	if (len == 0 || len > NUMBER_MAX || (s[0] == '0' && len > 1))
		return false;
	return strspn(s, "0123456789") >= len;
}

static bool
is_uuid(const char *s, size_t len)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (len != GPU_ID_MAX || (strncmp(s, "GPU-", 4) != 0 && strncmp(s, "MIG-", 4) != 0))
		return false;
	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == '-' ? s[4 + i] != '-' : memchr("0123456789abcdefABCDEF", s[4 + i], 22) == NULL)
			return false;
	return true;
}

static int
add(struct gpus *g, const char *s, size_t len, struct buf *why)
{
	struct gpu *id = &g->item[g->n];

	if (!is_number(s, len) && !is_uuid(s, len))
		return refuse(why, "--gpu-ids %.*s: a GPU is a number, or a UUID such as nvidia-smi -L prints", (int)len, s);
	memcpy(id->id, s, len);
	for (size_t i = 0; i < g->n; i++)
		if (strcasecmp(g->item[i].id, id->id) == 0)
			return refuse(why, "--gpu-ids %s: the GPU is named twice", id->id);
	g->n++;
	return 0;
}

int
gpus_parse(const char *text, struct gpus *ret, struct buf *why)
{
	struct gpus g = GPUS_INIT;
	size_t most = 1;

	for (const char *p = text; (p = strchr(p, ',')) != NULL; p++)
		most++;
	if ((g.item = calloc(most, sizeof *g.item)) == NULL)
		return -ENOMEM;
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, ",");
		int r = add(&g, p, len, why);

		if (r < 0) {
			gpus_release(&g);
			return r;
		}
		p += len;
		if (*p == '\0')
			break;
	}
	*ret = g;
	return 0;
}

void
gpus_release(struct gpus *g)
{
	free(g->item);
	*g = (struct gpus)GPUS_INIT;
}
