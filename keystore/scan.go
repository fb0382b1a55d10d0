package keystore

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/sync/errgroup"
)

const (
	maxScanned    = 1000            // files opened by one scan
	maxNames      = 20_000          // names read of one directory
	maxAgentKeys  = 1000            // keys taken from the agent
	scanWorkers   = 8               // files read at once
	sniffed       = 4 << 10         // bytes after which a file that does not look like a key is left
	agentPatience = 2 * time.Second // for the agent's list
)

// Index is what one scan found; any number of instances is matched against it.
// It keeps no private half: identities read their file again when they are opened.
type Index struct {
	Files     []*File      // private keys; also public key files that the user named, or whose private half is missing
	AgentKeys []*agent.Key // as the agent lists them
	Looked    Looked

	entries []entry
	unread  []Miss
	byHash  map[[sha256.Size]byte][]int // of the public blob, into entries
	byMD5   map[[md5.Size]byte][]int
	agent   agent.ExtendedAgent
}

// entry is one key that was found.
type entry struct {
	file     *File      // nil: the agent's
	agent    *agent.Key // nil: a file
	public   ssh.PublicKey
	explicit bool
}

// Scan looks for keys once: at most 1,000 files of at most 1 MiB each. Only the
// end of ctx is an error; what cannot be read is told by Match.
func Scan(ctx context.Context, s Search) (*Index, error) {
	listed := make(chan agentList, 1)
	go func() { listed <- listAgent(s.Agent) }()

	x := &Index{agent: s.Agent, byHash: map[[sha256.Size]byte][]int{}, byMD5: map[[md5.Size]byte][]int{}}
	paths, truncated := candidates(s)
	x.Looked.Truncated = truncated
	read, err := readAll(ctx, paths)
	if err != nil {
		return nil, err
	}
	for i, r := range read {
		x.addFile(paths[i], r)
	}
	patience, cancel := context.WithTimeout(ctx, agentPatience)
	defer cancel()
	select {
	case list := <-listed:
		x.addAgent(list)
	case <-patience.Done():
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		x.Looked.AgentError = context.DeadlineExceeded
	}
	x.spreadExplicit()
	return x, nil
}

type agentList struct {
	keys []*agent.Key
	err  error
}

func listAgent(a agent.ExtendedAgent) agentList {
	if a == nil {
		return agentList{}
	}
	keys, err := a.List()
	return agentList{keys: keys[:min(len(keys), maxAgentKeys)], err: err}
}

func (x *Index) addAgent(list agentList) {
	x.Looked.AgentError, x.Looked.AgentKeys = list.err, len(list.keys)
	x.AgentKeys = list.keys
	for _, key := range list.keys {
		public, err := parsePublicBlob(key.Blob)
		if err != nil {
			continue
		}
		if cert, ok := public.(*ssh.Certificate); ok {
			public = cert.Key
		}
		x.add(entry{agent: key, public: public})
	}
}

func (x *Index) add(e entry) {
	if e.public != nil {
		blob := e.public.Marshal()
		x.byHash[sha256.Sum256(blob)] = append(x.byHash[sha256.Sum256(blob)], len(x.entries))
		x.byMD5[md5.Sum(blob)] = append(x.byMD5[md5.Sum(blob)], len(x.entries))
	}
	x.entries = append(x.entries, e)
}

// spreadExplicit marks every copy of a key that the user named, so that a copy that
// needs no passphrase can stand in for it.
func (x *Index) spreadExplicit() {
	for _, e := range x.entries {
		if !e.explicit || e.public == nil {
			continue
		}
		for _, i := range x.byHash[sha256.Sum256(e.public.Marshal())] {
			x.entries[i].explicit = true
		}
	}
}

// candidate is a path worth opening.
type candidate struct {
	path     string
	explicit bool
}

// reading is what became of a candidate.
type reading struct {
	file *File
	err  error
}

func readAll(ctx context.Context, paths []candidate) ([]reading, error) {
	out := make([]reading, len(paths))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(scanWorkers)
	for i, c := range paths {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			out[i] = readCandidate(c)
			return nil
		})
	}
	return out, group.Wait()
}

func readCandidate(c candidate) reading {
	if !c.explicit && !looksLikeKey(c.path) {
		return reading{err: ErrNotKey}
	}
	f, err := Read(c.path)
	if err != nil {
		return reading{err: err}
	}
	f.forget()
	return reading{file: f}
}

// forget drops the private half; opening reads the file anew. A thousand files
// could hold a gigabyte.
func (f *File) forget() {
	path := f.Path
	f.repaired = nil
	f.open = func(passphrase []byte) (*Key, error) {
		again, err := Read(path)
		if err != nil {
			return nil, err
		}
		key, err := again.Open(passphrase)
		if err == nil && f.Public != nil && !sameKey(f.Public, key.Public) {
			return nil, &MismatchError{Path: path, Have: key.Public, Want: f.Public}
		}
		return key, err
	}
}

// looksLikeKey reads a little of a file that the user did not name.
func looksLikeKey(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	file, err := openNonblocking(path)
	if err != nil {
		// Read says why, if the name is that of a key.
		return errors.Is(err, fs.ErrPermission) && isKeyName(filepath.Base(path))
	}
	defer file.Close()
	head, err := io.ReadAll(io.LimitReader(file, sniffed))
	if err != nil {
		return false
	}
	head, _ = plainText(head)
	for _, mark := range []string{ppkBegin, "-----BEGIN ", "---- BEGIN SSH2 ", "SSH PRIVATE KEY FILE"} {
		if bytes.Contains(head, []byte(mark)) {
			return true
		}
	}
	return strings.HasSuffix(path, ".pub")
}

func (x *Index) addFile(c candidate, r reading) {
	if r.err != nil {
		if c.explicit || !errors.Is(r.err, ErrNotKey) {
			x.unread = append(x.unread, Miss{Path: c.path, Why: Unusable, Err: r.err})
		}
		return
	}
	x.Looked.Files++
	if r.file.HasPrivate() {
		x.Looked.Keys++
	}
	x.Files = append(x.Files, r.file)
	x.add(entry{file: r.file, public: r.file.Public, explicit: c.explicit})
}
