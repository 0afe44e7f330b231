import java.security.Security;
import java.util.Arrays;

/** Runs the C under test on a desktop's Java machine. Prints a line for each rule that holds; throws otherwise. */
public final class KeyStoreTest {
    // As in keystore_android.h.
    static final int OK = 0;
    static final int NO_KEY = 1;
    static final int DAMAGED = 2;
    static final int FAILED = 3;

    static int status;
    static String error;

    /** Calls cs_seal or cs_open; sets status and error; returns what was given out. */
    static native byte[] call(boolean seal, String alias, boolean create, byte[] name, byte[] in, int capacity);

    static byte[] seal(String name, byte[] value, boolean create) {
        return call(true, "test", create, name.getBytes(), value, value.length + 28);
    }

    static byte[] open(String name, byte[] sealed) {
        return call(false, "test", false, name.getBytes(), sealed, sealed.length);
    }

    static void want(int expected, String rule) {
        if (status != expected) {
            throw new AssertionError(rule + ": status " + status + " (" + error + "), want " + expected);
        }
        System.out.println("holds: " + rule);
    }

    public static void main(String[] args) {
        System.load(args[0]);
        Security.addProvider(new FakeKeyStore());
        byte[] value = new byte[1800];
        for (int i = 0; i < value.length; i++) {
            value[i] = (byte) i;
        }

        open("account", new byte[64]);
        want(NO_KEY, "without a key nothing opens");
        seal("account", value, false);
        want(NO_KEY, "a missing key is not made unless asked for");
        if (!FakeKeyStore.keys.isEmpty()) {
            throw new AssertionError("a key was made");
        }

        byte[] sealed = seal("account", value, true);
        want(OK, "the first item makes the key");
        Object key = FakeKeyStore.keys.get("test");
        byte[] back = open("account", sealed);
        want(OK, "a sealed value opens");
        if (!Arrays.equals(back, value)) {
            throw new AssertionError("another value came back");
        }
        byte[] again = seal("account", value, true);
        want(OK, "the key is used again");
        if (FakeKeyStore.keys.get("test") != key || Arrays.equals(again, sealed)) {
            throw new AssertionError("a new key was made, or an IV was used twice");
        }
        byte[] none = open("empty", seal("empty", new byte[0], false));
        want(OK, "an empty value opens");
        if (none.length != 0) {
            throw new AssertionError("an empty value came back with " + none.length + " bytes");
        }

        open("another", sealed);
        want(DAMAGED, "a value does not open under another name");
        for (int at : new int[] {0, 11, 12, 500, sealed.length - 1}) {
            byte[] flipped = sealed.clone();
            flipped[at] ^= 1;
            open("account", flipped);
            want(DAMAGED, "a flipped bit at " + at + " is found");
        }
        for (int size : new int[] {0, 12, 27, 28, sealed.length - 1}) {
            open("account", Arrays.copyOf(sealed, size));
            want(DAMAGED, "a value cut to " + size + " bytes is found");
        }
        call(true, "test", false, "account".getBytes(), value, 100);
        want(FAILED, "what does not fit is refused");

        FakeKeyStore.broken = true;
        open("account", sealed);
        want(FAILED, "a keystore that throws is not mistaken for a missing key or a damaged value");
        if (!error.contains("not in the mood")) {
            throw new AssertionError("the exception's words are lost: " + error);
        }
        seal("account", value, true);
        want(FAILED, "a keystore that throws makes no new key");
        FakeKeyStore.broken = false;
        if (FakeKeyStore.keys.get("test") != key) {
            throw new AssertionError("the key was replaced");
        }
        Security.removeProvider("AndroidKeyStore");
        seal("account", value, true);
        want(FAILED, "a system without an AndroidKeyStore is told as such");

        Security.addProvider(new FakeKeyStore());
        for (int i = 0; i < 5000; i++) {
            open("account", sealed);
        }
        want(OK, "thousands of calls from one frame leave no local references behind");
    }
}
