// Package androidactivity is what the app asks of its Android activity beyond
// the toolkit: that no screenshot shows its window, and which link it was opened
// with.
//
// FLAG_SECURE belongs to the window and may be set on the system's own thread
// only, which Go code never runs on. So the manifest names this package's entry
// (android.app.func_name) in the place of the toolkit's: it is called on that
// thread when the activity is made, sets the flag before anything was drawn, and
// hands over.
//
// A link comes as the data of an intent. That of the start is the activity's
// own; a later one goes to Activity.onNewIntent, for which the toolkit's class
// has no method, but the activity is the root of its task (singleTask), and the
// system writes down as the task's base intent what it delivered last.
//
// Except for this comment the package exists on Android only. Its C is checked
// elsewhere all the same: the test compiles it against a desktop JDK's jni.h,
// and runs it there on classes of the test's own.
package androidactivity
