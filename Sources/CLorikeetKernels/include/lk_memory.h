// SPDX-License-Identifier: Apache-2.0
#ifndef LK_MEMORY_H
#define LK_MEMORY_H

// Makes the allocator keep freed blocks for the next use instead of giving them back to the system.
void lk_keep_freed_blocks(void);

#endif
