/* config: whatever bytes a file holds, it is read whole or refused with a reason, and what is read is in order */
#include <assert.h>

#include "manager/config.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c = CONFIG_INIT;
	struct buf why = BUF_INIT;

	if (config_parse((const char *)data, size, &c, &why) < 0) {
		assert(c.entry == NULL && why.len > 0);
	} else {
		assert(c.n > 0);
		for (size_t i = 0; i < c.n; i++) {
			assert(c.entry[i].id >= 0 && (i == 0 || c.entry[i - 1].id < c.entry[i].id));
			assert(c.entry[i].url != NULL && c.entry[i].type != NULL && c.entry[i].line > 0);
			assert(config_find(&c, c.entry[i].id) == &c.entry[i]);
		}
	}
	config_release(&c);
	buf_release(&why);
	return 0;
}

#include "../fuzz/replay.h"
