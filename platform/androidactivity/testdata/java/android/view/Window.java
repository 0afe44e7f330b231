package android.view;

/** As much of Android's as the C under test calls. */
public class Window {
    public int flags;

    public void addFlags(int more) {
        flags |= more;
    }
}
