package keystore

import "errors"

// Parse reads one key file's content. At most 1 MiB is taken.
func Parse(data []byte) (*File, error) { return nil, errors.New("not yet") }

// Read reads a key file: regular files of at most 1 MiB only, symbolic links to
// them included. Where the public half is hidden it reads PATH.pub beside it,
// and PATH-cert.pub for a certificate.
func Read(path string) (*File, error) { return nil, errors.New("not yet") }

// Open decrypts the private half and verifies that the halves fit. A nil
// passphrase gives none. Errors: *PassphraseMissingError, *WrongPassphraseError,
// *CorruptError, *UnsupportedError, *LimitError, *MismatchError (a .pub of
// another key lies beside), ErrNoPrivate.
func (f *File) Open(passphrase []byte) (*Key, error) { return nil, errors.New("not yet") }

// Repaired gives the file's content as ssh and ssh-keygen read it. The private
// half stays encrypted as it is.
func (f *File) Repaired() []byte { return f.repaired }
