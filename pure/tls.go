package pure

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const fingerprintExample = `a fingerprint is "sha256:" and 64 hexadecimal digits, as "openssl x509 -noout -fingerprint -sha256" prints it`

// tlsConfig verifies the array's certificate against the system's
// authorities, the given ones, or the pinned fingerprint.
func tlsConfig(access Access) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(access.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(access.CA) {
			return nil, &accessError{
				what: "the array's CA holds no certificate",
				todo: "the CA file must hold PEM certificates, each beginning with -----BEGIN CERTIFICATE-----",
			}
		}
	}
	if access.Fingerprint == "" {
		config.InsecureSkipVerify = access.Insecure
		return config, nil
	}
	want, err := parseFingerprint(access.Fingerprint)
	if err != nil {
		return nil, err
	}
	// A pin says more than a chain of authorities and a host name do, so it
	// takes their place; VerifyConnection runs on every handshake all the same.
	config.InsecureSkipVerify = config.RootCAs == nil
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the array shows no certificate")
		}
		got := sha256.Sum256(state.PeerCertificates[0].Raw)
		if subtle.ConstantTimeCompare(got[:], want) != 1 {
			return &pinError{got: fingerprint(state.PeerCertificates[0])}
		}
		return nil
	}
	return config, nil
}

func parseFingerprint(s string) ([]byte, error) {
	algorithm, digits, ok := strings.Cut(strings.TrimSpace(s), ":")
	sum, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if !ok || !strings.EqualFold(algorithm, "sha256") || err != nil || len(sum) != sha256.Size {
		return nil, &accessError{what: fmt.Sprintf("the array's fingerprint %q can't be understood", s), todo: fingerprintExample}
	}
	return sum, nil
}

// fingerprint is a certificate's, spelled as Access.Fingerprint.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// pinError is a certificate that is not the pinned one.
type pinError struct{ got string }

func (e *pinError) Error() string {
	return "the array shows another certificate than the pinned one: " + e.got
}

func (e *pinError) advice() string {
	return "if its certificate was renewed, compare that with what the array itself says and set fingerprint: " + e.got +
		"; if not, something stands between this machine and the array"
}
