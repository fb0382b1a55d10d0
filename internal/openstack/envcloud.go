package openstack

import (
	"errors"
	"strings"
)

var errEnvName = errors.New("the OS_* variables have this name too; rename one by OS_CLOUD_NAME")

// envKeys are the settings that a stock openrc gives as OS_<KEY>, and those
// that openstackclient documents beside them.
func envKeys() []string {
	return []string{
		"auth_type", "auth_plugin", "auth_url", "auth_methods", "identity_api_version",
		"username", "user_name", "user_id", "user_domain_id", "user_domain_name",
		"password", "passcode", "token", "auth_token",
		"application_credential_id", "application_credential_name", "application_credential_secret",
		"project_id", "project_name", "project_domain_id", "project_domain_name",
		"tenant_id", "tenant_name", "domain_id", "domain_name", "system_scope", "trust_id",
		"region_name", "interface", "endpoint_type",
		"cacert", "cert", "key", "insecure", "verify",
		"profile", "private",
		"compute_endpoint_override", "network_endpoint_override", "image_endpoint_override",
		"block_storage_endpoint_override", "volumev3_endpoint_override", "volume_endpoint_override",
	}
}

// addEnvironment adds the cloud that a sourced openrc describes, and tells
// whether there is one. OS_AUTH_URL or OS_PROFILE makes it one: openstacksdk
// takes any OS_ variable for a cloud, so that OS_INTERFACE alone hides clouds.yaml.
func (c *configuration) addEnvironment() (bool, error) {
	if c.options.env("OS_AUTH_URL") == "" && c.options.env("OS_PROFILE") == "" {
		return false, nil
	}
	if _, taken := c.clouds[c.envName]; taken {
		return false, &ConfigError{File: c.file, Key: "clouds." + c.envName, Err: errEnvName}
	}
	settings := tree{}
	for _, key := range envKeys() {
		if value := c.options.env("OS_" + strings.ToUpper(key)); value != "" {
			settings[key] = value
		}
	}
	c.clouds[c.envName] = layer(settings)
	return true, nil
}
