//go:build darwin && !ios

// Hears the Apple event by which macOS opens a link. The handle goes with it as
// the reference constant, which the system only carries.

#include <ApplicationServices/ApplicationServices.h>
#include <stdint.h>

extern void csLinkOpened(uintptr_t handle, char *link, int size);

enum {
	GET_URL = 0x4755524C, // 'GURL', the class of the event and its id
	MAX_LINK = 64 << 10,
};

static OSErr heard(const AppleEvent *event, AppleEvent *reply, SRefCon handle) {
	(void)reply;
	static char link[MAX_LINK]; // events come one at a time
	DescType type;
	Size size = 0;
	OSErr status = AEGetParamPtr(event, keyDirectObject, typeUTF8Text, &type, link, sizeof link, &size);
	if (status == noErr && size > 0 && size <= (Size)sizeof link) {
		csLinkOpened((uintptr_t)handle, link, (int)size);
	}
	return status;
}

int cs_hear_links(uintptr_t handle) {
	return AEInstallEventHandler(GET_URL, GET_URL, NewAEEventHandlerUPP(heard), (SRefCon)handle, 0);
}
