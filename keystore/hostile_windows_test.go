package keystore

// hostileFiles has nothing to do: no path below a directory blocks on Windows.
func (h home) hostileFiles() {}
