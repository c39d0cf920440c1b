#include "CLorikeetKernels.h"
