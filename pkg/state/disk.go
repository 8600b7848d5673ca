package state

// OpenDisk opens the store kept in dir.
func OpenDisk(dir string, opts Options) (Store, error) { return OpenMemory(dir, opts) }
