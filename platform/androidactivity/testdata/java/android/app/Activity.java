package android.app;

import android.content.Intent;
import android.view.Window;

/** As much of Android's as the C under test calls. */
public class Activity {
    public Window window = new Window();
    public Intent intent;
    public ActivityManager manager = new ActivityManager();

    public Window getWindow() {
        return window;
    }

    public Intent getIntent() {
        return intent;
    }

    public Object getSystemService(String name) {
        return name.equals("activity") ? manager : null;
    }
}
