package pure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/pureclean/pureclean/jsonpull"
)

const (
	tokenAdvice  = `make a token on the array with "pureadmin create --api-token USER" and give it to the pool (pure.api.token) or in token_file`
	notThatLarge = "check that the URL is a FlashArray's management address: no array's answer is that large"
	waitAdvice   = "try again in a minute: the array may be busy, or its controllers are changing over"
)

// Hint says what the operator can do about an error of this package; it is
// empty when there is nothing to say.
func Hint(err error) string {
	if err == nil {
		return ""
	}
	for _, h := range hints {
		if h.fits(err) {
			return h.advice(err)
		}
	}
	return ""
}

// adviser is an error that knows better than any table what to do about it.
type adviser interface {
	error
	advice() string
}

// hint is one row of the table: the first that fits is given.
type hint struct {
	fits   func(error) bool
	advice func(error) string
}

var hints = []hint{
	{as[*LostError], say("it may have been done, or still be: look at the array again before anything else")},
	{is(context.Canceled), say("")},
	{as[adviser], func(err error) string {
		var a adviser
		errors.As(err, &a)
		return a.advice()
	}},
	{as[*tls.CertificateVerificationError], certificateAdvice},
	{is(http.ErrSchemeMismatch), say("that port does not speak TLS: check the port in the array's URL")},
	{as[tls.RecordHeaderError], say("that port does not speak TLS: check the port in the array's URL")},
	{as[*net.DNSError], nameAdvice},
	{is(syscall.ECONNREFUSED), say("nothing listens there: check the address and the port in the array's URL; it is the management address (vir0), not one of iSCSI or NVMe")},
	{isAny(syscall.EHOSTUNREACH, syscall.ENETUNREACH), say("there is no way to that address from this machine: check the array's URL and the routes to its management network")},
	{isTimeout, say("check the array's URL and the firewall on the way to its management address; if both are right, " + waitAdvice)},
	{answered(func(e *Error) bool { return e.pause.tooLong() }), func(err error) string {
		var e *Error
		errors.As(err, &e)
		return pauseAdvice(e)
	}},
	{status(http.StatusTooManyRequests), say("the array gets too many requests: " + waitAdvice)},
	{answered((*Error).isForbiddenChange), say(`the token's user may not change this: give a token of a user with the role that LXD asks for too (array_admin), see "pureadmin list" on the array`)},
	{eradicationDisabled, say("SafeMode keeps what is destroyed until its time has run out: the space comes back then, by itself")},
	{status(http.StatusForbidden), say(`the token's user may not see this: it needs at least the role readonly, see "pureadmin list" on the array`)},
	{says("api token"), say("the array does not know this token: " + tokenAdvice)},
	{is(errNoKey), say("check that the URL is a FlashArray's: something else answered the login")},
	{status(http.StatusUnauthorized), say("the array does not accept the login any more: was its user or token removed? If not, " + tokenAdvice)},
	{status(http.StatusNotFound), say("check that the URL is a FlashArray's management address, without a path")},
	{statusClass(3), say("give the address that it points to as the array's URL, if that is the array")},
	{statusClass(5), say(waitAdvice)},
	{as[*tooLargeError], say(notThatLarge)},
	{is(jsonpull.ErrRow), say(notThatLarge)},
	{as[*notJSONError], say("check that the URL is a FlashArray's management address: something else may have answered")},
	{network, say("the connection broke: " + waitAdvice)},
}

func say(text string) func(error) string { return func(error) string { return text } }

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isAny(targets ...syscall.Errno) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(target syscall.Errno) bool { return errors.Is(err, target) })
	}
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout() ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

func answered(fits func(*Error) bool) func(error) bool {
	return func(err error) bool {
		var e *Error
		return errors.As(err, &e) && fits(e)
	}
}

func status(code int) func(error) bool {
	return answered(func(e *Error) bool { return e.Status == code })
}

func statusClass(class int) func(error) bool {
	return answered(func(e *Error) bool { return e.Status/100 == class })
}

func says(text string) func(error) bool {
	return answered(func(e *Error) bool { return e.says(text) })
}

func network(err error) bool {
	return answered(func(e *Error) bool { return e.kind == failedNetwork })(err)
}

func nameAdvice(err error) string {
	var name *net.DNSError
	errors.As(err, &name)
	return fmt.Sprintf("the name %s can't be resolved: check the array's URL and this machine's DNS", tidy(name.Name))
}

// certificateAdvice tells a wrong authority from a wrong name, and gives the
// fingerprint to compare and to pin.
func certificateAdvice(err error) string {
	var (
		failed    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	errors.As(err, &failed)
	pin := ""
	if len(failed.UnverifiedCertificates) > 0 {
		pin = "pin this certificate after comparing it with the array's own: fingerprint: " +
			fingerprint(failed.UnverifiedCertificates[0])
	}
	switch {
	case errors.As(err, &host) && len(failed.UnverifiedCertificates) > 0:
		return "use a name in the URL that the certificate is for" + namesOf(failed.UnverifiedCertificates[0]) + ", or " + pin
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the array's certificate has expired or this machine's clock is wrong: renew it, or " + pin
	case errors.As(err, &authority):
		return "name the authority that signed it in ca_file, or " + pin
	default:
		return pin
	}
}

func namesOf(cert *x509.Certificate) string {
	names := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + tidy(strings.Join(names, ", ")) + ")"
}
