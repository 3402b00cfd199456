package array

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Server is an array on a TCP port of this machine.
type Server struct {
	URL string
	// CertPEM is the server's own certificate, which signs itself as the
	// one that arrays ship with.
	CertPEM []byte
	// Fingerprint is "sha256:" and the certificate's digest in hexadecimal.
	Fingerprint string

	server  *http.Server
	stopped context.Context
	stop    context.CancelFunc
}

// Serve starts the array on a free port of this machine.
func (a *Array) Serve() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("array simulator: %w", err)
	}
	certificate, certPEM, err := selfSigned()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	digest := sha256.Sum256(certificate.Certificate[0])
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		URL:         "https://" + listener.Addr().String(),
		CertPEM:     certPEM,
		Fingerprint: "sha256:" + hex.EncodeToString(digest[:]),
		stopped:     ctx,
		stop:        stop,
		server: &http.Server{
			Handler:           a.Handler(),
			ReadHeaderTimeout: time.Minute,
			// What clients do wrong is their tests' business, not ours to print.
			ErrorLog:    log.New(io.Discard, "", 0),
			BaseContext: func(net.Listener) context.Context { return ctx },
			// The array's front end speaks HTTP/1.1, and closing a connection
			// in the middle needs it.
			TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
			TLSConfig:    &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		},
	}
	go func() { _ = s.server.ServeTLS(listener, "", "") }() // until Close
	return s, nil
}

// Close stops the server and every request under way.
func (s *Server) Close() error {
	s.stop()
	return s.server.Close()
}

func selfSigned() (tls.Certificate, []byte, error) {
	fail := func(err error) (tls.Certificate, []byte, error) {
		return tls.Certificate{}, nil, fmt.Errorf("array simulator: make a certificate: %w", err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return fail(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "array simulator"},
		// Clients check it against the real time, and what they say of it is the
		// same on any day.
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return fail(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
