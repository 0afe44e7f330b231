// Package applelinks tells which links macOS opens the app with.
//
// There they come neither as arguments nor to a second start, but as an Apple
// event (GURL) to the app that runs, or that the system has just started. The
// toolkit has no place for it. Info.plist says which links are the app's;
// tools/package.sh writes that into the package.
package applelinks
