package openstack

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maxCacheFile bounds a cached session; the catalog of a large cloud is 100 KB.
const maxCacheFile = 4 << 20

// cacheFile is where a session of this cloud is kept; "" for none. Its name is
// made of everything that decides what the token opens, and of no secret. A
// login by token is not kept: nothing but the secret says whose it is.
func cacheFile(dir string, cloud *Cloud) string {
	if dir == "" || cloud.Auth.Type == AuthToken {
		return ""
	}
	who := cloud.Auth
	who.Password, who.Passcode, who.Token, who.ApplicationCredentialSecret = "", "", "", ""
	text, err := json.Marshal(struct {
		AuthURL string
		Auth    Auth
	}{cloud.AuthURL, who})
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "tokens", fmt.Sprintf("%x.json", sha256.Sum256(text)))
}

// readSession gives the cached session, if there is one that is whole, private
// to this user and valid.
func readSession(dir string, cloud *Cloud, now time.Time) *session {
	path := cacheFile(dir, cloud)
	if path == "" {
		return nil
	}
	file, err := openPrivate(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxCacheFile))
	if err != nil {
		return nil
	}
	var s session
	if json.Unmarshal(text, &s) != nil || !s.valid(now) {
		return nil
	}
	return &s
}

// writeSession keeps a session for the next run, whole or not at all.
func writeSession(dir string, cloud *Cloud, s *session) error {
	path := cacheFile(dir, cloud)
	if path == "" || s.Expires.IsZero() {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := privateDir(filepath.Dir(path)); err != nil {
		return err
	}
	// CreateTemp makes the file 0600.
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
