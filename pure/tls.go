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

	"github.com/pureclean/pureclean/evidence"
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

// verified says what the certificate is held against.
func verified(access Access) string {
	switch {
	case access.Fingerprint != "":
		return "fingerprint"
	case access.Insecure:
		return "nothing"
	case len(access.CA) > 0:
		return "ca"
	default:
		return "system"
	}
}

// shown remembers the certificate that came with an answer. The two
// controllers may have different ones; the one that ends first counts.
func (w *wire) shown(state *tls.ConnectionState) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return
	}
	own := state.PeerCertificates[0]
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.certificate == nil || own.NotAfter.Before(w.certificate.NotAfter) {
		w.certificate = own
	}
}

// protection is how the array proved who it is, as far as it has answered.
func (w *wire) protection() evidence.TLS {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := evidence.TLS{Verified: w.verified}
	if w.certificate != nil {
		said.Expires, said.Fingerprint = w.certificate.NotAfter.UTC(), fingerprint(w.certificate)
	}
	return said
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
