package fleet

// HasKind reports whether a name is in the table of setbacks.
func HasKind(name string) bool { _, ok := setbackKinds[name]; return ok }
