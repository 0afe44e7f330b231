// Package systemlock tells when the system locks its screen or goes to sleep,
// so that the app can seal its secrets along with it: a person who locks the
// screen and walks away means the codes too.
//
// Where the news comes from differs: on Linux from the desktop's screen saver
// over the session bus and from logind over the system bus, on Windows from the
// session's notifications (WTSRegisterSessionNotification), on macOS from the
// distributed notification com.apple.screenIsLocked. Phones tell an app nothing
// of the kind; there the idle time stands alone.
//
// To lock too often costs a PIN, and to lock too rarely costs the secrets: so
// whatever may mean "locked" is taken for it, whoever sent it.
package systemlock
