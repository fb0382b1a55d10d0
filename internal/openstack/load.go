package openstack

import "errors"

// Load gives the cloud that options select, fully merged as openstacksdk does it.
func Load(o Options) (*Cloud, error) { return nil, &ConfigError{Err: errors.ErrUnsupported} }

// CloudNames gives the names of the clouds in clouds.yaml, sorted.
func CloudNames(o Options) ([]string, error) { return nil, &ConfigError{Err: errors.ErrUnsupported} }

// ConfigError is what is wrong with a configuration file.
type ConfigError struct {
	File string
	Line int // from 1; 0 if it is about the whole file
	Err  error
}

func (e *ConfigError) Error() string { return e.File + ": " + e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }
