package android.security.keystore;

import java.security.spec.AlgorithmParameterSpec;

/** As much of Android's class of this name as the C under test calls, for a desktop's Java. */
public final class KeyGenParameterSpec implements AlgorithmParameterSpec {
    public final String alias;
    public final int purposes;
    public final String mode;
    public final String padding;
    public final int size;

    private KeyGenParameterSpec(Builder b) {
        alias = b.alias;
        purposes = b.purposes;
        mode = b.mode;
        padding = b.padding;
        size = b.size;
    }

    public static final class Builder {
        private final String alias;
        private final int purposes;
        private String mode;
        private String padding;
        private int size;

        public Builder(String alias, int purposes) {
            this.alias = alias;
            this.purposes = purposes;
        }

        public Builder setBlockModes(String... modes) {
            mode = String.join(",", modes);
            return this;
        }

        public Builder setEncryptionPaddings(String... paddings) {
            padding = String.join(",", paddings);
            return this;
        }

        public Builder setKeySize(int size) {
            this.size = size;
            return this;
        }

        public KeyGenParameterSpec build() {
            return new KeyGenParameterSpec(this);
        }
    }
}
