package android.content;

/** As much of Android's as the C under test calls. */
public class Intent {
    private final String data;
    private final int flags;

    public Intent(String data, int flags) {
        this.data = data;
        this.flags = flags;
    }

    public String getDataString() {
        return data;
    }

    public int getFlags() {
        return flags;
    }
}
