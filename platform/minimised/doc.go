// Package minimised tells when the app's window is put away and when it comes
// back, so that nothing is drawn that nobody can see. A window that is only
// behind others, or without the keyboard, is not put away: people read codes off
// it.
//
// Where the news comes from differs: on X11 from the window's own state, which
// the server tells any client that asks; on Windows from IsIconic, which must be
// asked. Elsewhere nothing is known here: Wayland holds back what is not seen by
// itself, phones stop the app, and on macOS the window counts as seen.
package minimised
