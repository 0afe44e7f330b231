package main

// keepPrivate has nothing to do: there a file is as private as its folder.
func keepPrivate() {}
