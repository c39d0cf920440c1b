// SPDX-License-Identifier: Apache-2.0
// Where threads run.
//
// Linux wakes a thread on the processor where it last ran, also if the caller runs there by now; on
// machines of few processors it then does not look for an idle one, and the two share a processor for
// some 20 ms while another does nothing.
#ifndef LK_PLACE_H
#define LK_PLACE_H

#ifdef __cplusplus
extern "C" {
#endif

// Where a thread is, for those that wake it. Calls about the same place must not overlap.
typedef struct lk_place lk_place;

// The place of the calling thread; NULL where there is nothing to be gained.
lk_place *lk_place_create(void);
void lk_place_destroy(lk_place *place);

// The calling thread's: it is about to sleep.
void lk_place_leave(lk_place *place);

// The thread is about to be woken by the calling one: if it last ran on the same processor, it will
// wake on another that it may run on.
void lk_place_call(lk_place *place);

// The calling thread's: it is awake, and may run everywhere again.
void lk_place_return(lk_place *place);

#ifdef __cplusplus
}
#endif

#endif
