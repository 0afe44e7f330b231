// Package e2e tests the whole house from outside, with programs that people
// use: the real servers as processes, Debian's Chromium on the pages, and the
// real app in a window that the keyboard drives, over a real keyring.
//
// Nothing here reaches into the code: what a test knows it has read off a page,
// a window or a command's output. The tests wait for what they expect to
// happen, each with a deadline, and never for time to pass. What a failed test
// saw is left in build/e2e.
package e2e
